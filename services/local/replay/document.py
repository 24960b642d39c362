"""A YAML file as plain values, with the line and column of every key: mistakes are told with their place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.local.replay.faults import MappingError, Problem

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, Callable[[str], Any]] = {
    f"{_TAG}int": lambda text: int(text.replace("_", ""), 0),
    f"{_TAG}float": lambda text: float(text.replace("_", "")),
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}null": lambda _: None,
}


class Document:
    """One document; raises `MappingError` at once where it is no YAML, or says a key twice."""

    def __init__(self, text: str, file: str) -> None:
        self._places: dict[Path, tuple[int, int]] = {}
        self._twice: list[Problem] = []
        try:
            node = YAML(typ="safe", pure=True).compose(StringIO(text))
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            raise MappingError(file, (self.problem(line, column, f"this is no YAML: {error.problem}"),)) from None
        except YAMLError as error:
            raise MappingError(file, (self.problem(0, 0, f"this is no YAML: {error}"),)) from None
        if node is None:
            raise MappingError(file, (self.problem(0, 0, "the file is empty; deploy/replay holds an example"),))
        self.content: Any = self._value(node, ())
        if self._twice:
            raise MappingError(file, tuple(self._twice))

    @staticmethod
    def problem(line: int, column: int, message: str) -> Problem:
        """A problem at a place that is counted from 0."""
        return Problem(line + 1, column + 1, message)

    def at(self, path: Iterable[str | int], message: str) -> Problem:
        """A problem at `path`, or at the nearest thing around it that is in the file."""
        path = tuple(path)
        while path not in self._places:
            path = path[:-1]
        return self.problem(*self._places[path], message)

    def explain(self, error: dict[str, Any], keys: Iterable[str]) -> Problem:
        """Pydantic's error as a sentence with its place; `keys` are those of the whole, for a misspelt one."""
        path: Path = error["loc"]
        name = ".".join(map(str, path))
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(path[-1]), list(keys), n=1)
            return self.at(path, f"{name}: there is no such key" + (f"; did you mean {near[0]!r}?" if near else ""))
        if error["type"] == "missing":
            return self.at(path, f"{name}: is required")
        message = str(error["msg"]).removeprefix("Value error, ")
        return self.at(path, f"{name}: {message}" if name else message)

    def _value(self, node: Node, path: Path) -> Any:
        self._places.setdefault(path, (node.start_mark.line, node.start_mark.column))
        if node.anchor is not None:
            self._twice.append(self.at(path, "anchors are not read here; write the value out"))
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*path, number)) for number, item in enumerate(node.value)]
        return _scalar(str(node.tag), str(node.value))

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            place = key.start_mark.line, key.start_mark.column
            if name in found:
                self._twice.append(self.problem(*place, f"{name}: this key stands here twice"))
            self._places[*path, name] = place
            found[name] = self._value(value, (*path, name))
        return found


def _scalar(tag: str, value: str) -> Any:
    try:
        return _SCALARS.get(tag, str)(value)
    except ValueError:
        return value
