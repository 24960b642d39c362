"""Reads the agreements file whole and strictly: every mistake at once, each with its line and column."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from services.agreements.canary import canary_of
from services.agreements.model import Agreements, Department, Team
from services.agreements.problems import AgreementsError, Problem
from services.agreements.reading.calendars import read_calendar
from services.agreements.reading.document import compose
from services.agreements.reading.promises import read_ladder, read_patterns, read_promise
from services.agreements.reading.reader import Entry, Reader
from services.agreements.reading.routes import read_routes
from services.agreements.reading.senders import (
    Listed,
    check_sources,
    check_successors,
    read_department,
    read_municipality,
    read_team,
)

__all__ = ["AgreementsError", "Problem", "load", "parse"]

_REQUIRED = ("municipality", "calendars", "promises", "departments", "teams", "default")
_OPTIONAL = ("ladders", "routes", "patterns")
_NAMED = {
    "calendar": "calendars",
    "promise": "promises",
    "ladder": "ladders",
    "department": "departments",
    "team": "teams",
}


def load(path: Path | str) -> Agreements:
    """The agreements in a file. Raises `AgreementsError` with every problem, also when the file cannot be read."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise AgreementsError([Problem(1, 1, f"cannot be read: {error.strerror}", str(path))]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        problem = Problem(line, column, "this byte is no UTF-8; save the file as UTF-8", str(path))
        raise AgreementsError([problem]) from None
    try:
        return parse(text)
    except AgreementsError as error:
        raise error.of_file(str(path)) from None


def parse(text: str) -> Agreements:
    """The agreements that `text` holds; their version is the SHA-256 of its UTF-8 bytes."""
    root = compose(text)
    reader = Reader({name: _keys(root, section) for name, section in _NAMED.items()})
    agreements = _read(reader, root, text)
    if agreements is None or reader.problems:
        raise AgreementsError(reader.problems)
    return agreements


def _read(reader: Reader, root: Node, text: str) -> Agreements | None:
    found = reader.fields(root, "the file", _REQUIRED, _OPTIONAL)
    sections = {name: _section(reader, found, section) for name, section in _NAMED.items()}
    departments, teams = _senders(reader, sections["department"], sections["team"])
    calendars = {entry.name: read_calendar(reader, entry) for entry in sections["calendar"]}
    promises = {entry.name: read_promise(reader, entry) for entry in sections["promise"]}
    ladders = {entry.name: read_ladder(reader, entry) for entry in sections["ladder"]}
    routes = read_routes(reader, found.get("routes"))
    patterns = read_patterns(reader, found.get("patterns"))
    default = reader.reference(found.get("default"), "department")
    if "municipality" not in found:  # reported as missing
        return None
    municipality = read_municipality(reader, found["municipality"])
    return Agreements(
        version=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        municipality=municipality,
        calendars=MappingProxyType(calendars),
        promises=MappingProxyType(promises),
        ladders=MappingProxyType(ladders),
        departments=MappingProxyType(departments),
        teams=MappingProxyType(teams),
        routes=routes,
        default=default,
        patterns=patterns,
        canary=canary_of(municipality),
    )


def _senders(
    reader: Reader, departments: list[Entry], teams: list[Entry]
) -> tuple[dict[str, Department], dict[str, Team]]:
    listed: list[Listed] = []
    found = {entry.name: read_department(reader, entry, listed) for entry in departments}
    read = {entry.name: read_team(reader, entry, listed) for entry in teams}
    check_sources(reader, listed)
    check_successors(reader, found, departments)
    return found, read


def _section(reader: Reader, found: Mapping[str, Node], name: str) -> list[Entry]:
    entries = reader.entries(found[name], name) if name in found else []
    if name in found and isinstance(found[name], MappingNode) and not entries and name != "ladders":
        reader.problem(found[name], f"{name} is empty; there must be at least one")
    return entries


def _keys(root: Node, section: str) -> list[str]:
    """The names that a section defines, before it is read: references may stand above what they name."""
    if not isinstance(root, MappingNode):
        return []
    values = [value for key, value in root.value if key.value == section]
    mappings = [value for value in values if isinstance(value, MappingNode)]
    return [str(key.value) for mapping in mappings for key, _ in mapping.value if isinstance(key, ScalarNode)]
