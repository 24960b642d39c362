"""Reads nodes strictly and goes on after every mistake, so that all are reported at once.

What cannot be read is replaced by a harmless value: nobody sees it, since any problem means that nothing is returned.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.agreements import durations
from services.agreements.codes import did_you_mean
from services.agreements.durations import Duration
from services.agreements.problems import Problem

TEXT = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
_NAMES = {"int": "a number", "float": "a number", "bool": "yes or no", "timestamp": "a date"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NOTHING = Duration(1, "days")


class Entry(NamedTuple):
    """A key of a mapping, where it stands, and its value."""

    name: str
    key: Node
    value: Node


@dataclass(slots=True)
class Reader:
    """Collects problems while sections are read; `names` holds what other sections define, to check references."""

    names: Mapping[str, Collection[str]]
    problems: list[Problem] = field(default_factory=list)

    def problem(self, node: Node, message: str) -> None:
        """Report a mistake at a node."""
        mark = node.start_mark
        self.problems.append(Problem(mark.line + 1, mark.column + 1, message))

    def entries(self, node: Node, what: str) -> list[Entry]:
        """The entries of a mapping, less those without a value and those whose key is no text or stands there twice."""
        if not isinstance(node, MappingNode):
            self.problem(node, f"{what} must be a mapping, with `name: value` on each line")
            return []
        found: dict[str, Entry] = {}
        for key, value in node.value:
            name = self.text(key, "a key")
            if name in found:
                first = found[name].key.start_mark.line + 1
                self.problem(key, f"{name!r} stands here twice, first on line {first}; keep one")
            elif name and value.tag == NULL:  # its place is that of whatever follows, so the key's is told
                self.problem(key, f"{name} is empty; fill it in or remove it")
            elif name:
                found[name] = Entry(name, key, value)
        return list(found.values())

    def fields(
        self, node: Node, what: str, required: Collection[str], optional: Collection[str] = (), at: Node | None = None
    ) -> dict[str, Node]:
        """The fields of a mapping by name; refuses unknown ones, and reports missing ones at `at`."""
        known = (*required, *optional)
        found: dict[str, Node] = {}
        for entry in self.entries(node, what):
            if entry.name in known:
                found[entry.name] = entry.value
            else:
                hint = did_you_mean(entry.name, known) or f"; it has {', '.join(known)}"
                self.problem(entry.key, f"{what} has no {entry.name!r}{hint}")
        there = [key.value for key, _ in node.value] if isinstance(node, MappingNode) else required
        if missing := [name for name in required if name not in there]:
            self.problem(at or node, f"{what} needs {_enumerated(missing)}")
        return found

    def items(self, node: Node | None, what: str) -> list[Node]:
        """The items of a list; nothing when the field is absent, and one for a lone value."""
        if node is None:
            return []
        if isinstance(node, SequenceNode):
            return list(node.value)
        if isinstance(node, ScalarNode) and node.tag == TEXT:
            return [node]
        self.problem(node, f"{what} must be a list, as in [one, two]")
        return []

    def text(self, node: Node | None, what: str) -> str:
        """A text that is not blank; a value that YAML takes for something else is refused, never guessed."""
        if node is None:
            return ""
        if not isinstance(node, ScalarNode):
            self.problem(node, f"{what} must be a text")
        elif node.tag != TEXT:
            taken = _NAMES.get(str(node.tag).rpartition(":")[2], "something else")
            self.problem(
                node, f'{what} must be a text, and YAML takes this for {taken}; put it in quotes: "{node.value}"'
            )
        elif not node.value.strip():
            self.problem(node, f"{what} is empty; fill it in or remove it")
        else:
            return str(node.value)
        return ""

    def texts(self, node: Node | None, what: str) -> list[tuple[Node, str]]:
        """The texts of a list, each once, with their nodes."""
        found: dict[str, Node] = {}
        for item in self.items(node, what):
            value = self.text(item, what)
            if value in found:
                self.problem(item, f"{value!r} stands in {what} twice; keep one")
            elif value:
                found[value] = item
        return [(item, value) for value, item in found.items()]

    def number(self, node: Node | None, what: str, least: int) -> int:
        """A whole number of at least `least`."""
        if node is None:
            return least
        if (
            isinstance(node, ScalarNode)
            and str(node.tag).endswith(":int")
            and node.value.isascii()
            and node.value.isdigit()
        ):
            value = int(node.value)
            if value >= least:
                return value
        self.problem(node, f"{what} must be a whole number of at least {least}, without quotes")
        return least

    def day(self, node: Node | None, what: str) -> date | None:
        """A date, with or without quotes; None when absent."""
        if node is None:
            return None
        if isinstance(node, ScalarNode) and _DAY.fullmatch(node.value):
            try:
                return date.fromisoformat(node.value)
            except ValueError:
                pass
        self.problem(node, f"{what} must be a date of the calendar, as in 2026-12-24")
        return None

    def duration(self, node: Node | None, what: str) -> Duration:
        """A duration; durations.parse says what is wrong with it."""
        text = self.text(node, what)
        if node is not None and text:
            try:
                return durations.parse(text)
            except ValueError as error:
                self.problem(node, f"{what}: {error}")
        return NOTHING

    def pattern(self, node: Node | None, what: str, form: str, example: str) -> str:
        """A text of a fixed form."""
        text = self.text(node, what)
        if node is not None and text and not re.fullmatch(form, text, re.ASCII):
            self.problem(node, f"{text!r} is no {what}; write {example}")
        return text

    def reference(self, node: Node | None, what: str) -> str:
        """The name of a promise, calendar, ladder, department or team that the file defines."""
        text = self.text(node, f"the {what}")
        if node is not None and text and text not in self.names[what]:
            self.problem(node, f"there is no {what} {text!r}{self.near(text, self.names[what])}")
        return text

    @staticmethod
    def near(text: str, known: Iterable[str]) -> str:
        """A hint for a mistyped name: the nearest, else all that there are."""
        known = list(known)
        return did_you_mean(text, known) or (f"; there are {', '.join(known)}" if known else "; there are none")


def _enumerated(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
