"""The section `routes`: which signals go where; a route that can never match is refused."""

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from ruamel.yaml.nodes import Node, ScalarNode

from events.signals import CANARY, KINDS, SIGNALS, Kind
from services.agreements.codes import is_place
from services.agreements.globs import fault_of, has_wildcard, matches
from services.agreements.model import Route
from services.agreements.reading.reader import Entry, Reader

_CODES = {"team": "team", "department": "department", "departments": "department"}
"""Fields that hold a code, and whose."""


def read_routes(reader: Reader, node: Node | None) -> tuple[Route, ...]:
    """All routes, numbered in the order of the file."""
    return tuple(_route(reader, number, item) for number, item in enumerate(reader.items(node, "routes"), start=1))


def _route(reader: Reader, number: int, node: Node) -> Route:
    what = f"route {number}"
    found = reader.fields(node, what, ("when", "to"), ("promise",))
    to = found.get("to")
    departments = tuple(reader.reference(item, "department") for item in reader.items(to, "to"))
    if to is not None and len(set(departments)) < len(departments):
        reader.problem(to, f"{what} names a department twice; keep one")
    if "promise" in found and to is not None and not departments:
        reader.problem(found["promise"], f"{what} binds nobody, so nobody makes this promise; remove it")
    return Route(
        number=number,
        when=_when(reader, found["when"]) if "when" in found else {},
        to=departments,
        promise=reader.reference(found["promise"], "promise") if "promise" in found else None,
    )


def _when(reader: Reader, node: Node) -> dict[str, tuple[str, ...]]:
    entries = reader.entries(node, "when")
    globs = {entry.name: _globs(reader, entry) for entry in entries}
    kinds = _kinds(reader, entries, globs.get("kind", ("*",)))
    fields = [entry for entry in entries if entry.name != "kind"]
    for entry in fields:
        _check_field(reader, entry, globs[entry.name], kinds)
    names = {entry.name for entry in fields}
    each_somewhere = all(any(name in routable(kind) for kind in kinds) for name in names)
    if kinds and each_somewhere and not any(names <= routable(kind).keys() for kind in kinds):
        reader.problem(node, "this route can never match: no kind has all of these fields")
    return globs


def _globs(reader: Reader, entry: Entry) -> tuple[str, ...]:
    """One value or several, as texts; yes or no and numbers are written as they are in an event."""
    items = entry.value.value if isinstance(entry.value.value, list) else [entry.value]
    if not items:
        reader.problem(entry.value, f"{entry.name}: an empty list matches nothing; remove it or name a value")
    return tuple(_glob(reader, item, entry.name) for item in items)


def _glob(reader: Reader, node: Node, name: str) -> str:
    if isinstance(node, ScalarNode) and str(node.tag).endswith((":bool", ":int")):
        return str(node.value).lower()
    glob = reader.text(node, name)
    if glob and (fault := fault_of(glob)):
        reader.problem(node, f"{name}: {fault}")
    return glob


def _kinds(reader: Reader, entries: list[Entry], globs: tuple[str, ...]) -> list[Kind]:
    """The kinds that the route can match; reports each value that is none."""
    for entry in entries:
        if entry.name == "kind" and CANARY in globs:
            reader.problem(entry.value, f"the kind {CANARY!r} is reserved: the machinery sends it to itself; remove it")
        elif entry.name == "kind":
            _check_values(reader, entry, globs, "kind", KINDS)
    return [kind for kind in KINDS if any(matches(glob, kind) for glob in globs)]


def _check_field(reader: Reader, entry: Entry, globs: tuple[str, ...], kinds: list[Kind]) -> None:
    having = [kind for kind in kinds if entry.name in routable(kind)]
    if not having:
        if kinds:  # else the kind itself is reported
            hint = reader.near(entry.name, sorted({name for kind in kinds for name in routable(kind)}))
            whose = "no signal" if len(kinds) == len(KINDS) else f"no {' or '.join(kinds)}"
            reader.problem(entry.key, f"this route can never match: {whose} has {entry.name!r} to go by{hint}")
        return
    if entry.name in _CODES:
        _check_values(reader, entry, globs, _CODES[entry.name], reader.names[_CODES[entry.name]])
    elif entry.name in ("neighbourhood", "neighbourhoods"):
        _check_places(reader, entry, globs)
    elif values := sorted({value for kind in having for value in routable(kind)[entry.name]}):
        _check_values(reader, entry, globs, entry.name, values)


def _check_values(reader: Reader, entry: Entry, globs: tuple[str, ...], what: str, known: Iterable[str]) -> None:
    known = list(known)
    for glob in globs:
        if glob and not any(matches(glob, value) for value in known):
            near = reader.near(glob, known)
            reader.problem(entry.value, f"this route can never match: there is no {what} {glob!r}{near}")


def _check_places(reader: Reader, entry: Entry, globs: tuple[str, ...]) -> None:
    for glob in globs:
        if glob and not has_wildcard(glob) and not is_place(glob):
            reader.problem(entry.value, f"this route can never match: {glob!r} is no CBS code, as WK999901 or WK9999*")


def routable(kind: Kind) -> dict[str, frozenset[str]]:
    """The fields of a kind by which a route can go, each with its values where they are a closed set."""
    fields = SIGNALS[kind].model_fields.items()
    return {
        str(field.alias or name): frozenset(_values(field.annotation))
        for name, field in fields
        if not _is_nested(field.annotation)
    }


def _is_nested(annotation: Any) -> bool:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return issubclass(annotation, BaseModel)
    return any(_is_nested(part) for part in get_args(annotation))


def _values(annotation: Any) -> list[str]:
    if annotation is bool:
        return ["true", "false"]
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return [value for part in get_args(annotation) for value in _values(part)]
