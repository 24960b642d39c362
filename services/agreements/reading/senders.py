"""The sections `municipality`, `departments` and `teams`, and what must hold between their entries."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from ruamel.yaml.nodes import Node

from events.identifiers import MUNICIPALITY
from events.signals import CANARY
from services.agreements.codes import is_place
from services.agreements.globs import fault_of
from services.agreements.model import Department, Municipality, Team
from services.agreements.reading.reader import Entry, Reader
from services.agreements.senders import overlap

CODE = r"(?=.{1,60}$)[a-z0-9]+(-[a-z0-9]+)*"
OIN = r"000000(0\d|99)\d{12}"
"""Logius: an 8-digit prefix (`00000099` for tests), the number, and a suffix; 20 digits in all."""
_PLACES = "GM9999, WK999901 or BU99990101"
_SOURCE = re.compile(r"[!-~]{1,300}")
_OIN_SOURCE = re.compile(r"urn:nld:oin:([^:*]*)(:|$)")
_OINS = '20 digits in quotes, as in "00000099000000001000"'


class Listed(NamedTuple):
    """A source, who lists it, and where."""

    sender: str
    source: str
    node: Node


def read_municipality(reader: Reader, node: Node) -> Municipality:
    """The town."""
    found = reader.fields(node, "municipality", ("code", "name", "oin"))
    return Municipality(
        code=reader.pattern(found.get("code"), "CBS code of a municipality", MUNICIPALITY, "GM and four digits"),
        name=reader.text(found.get("name"), "name"),
        oin=reader.pattern(found.get("oin"), "OIN", OIN, _OINS),
    )


def read_department(reader: Reader, entry: Entry, listed: list[Listed]) -> Department:
    """One department; adds its sources to `listed`."""
    what = f"department {entry.name}"
    check_code(reader, entry, "department")
    optional = ("ladder", "rules", "agendas", "sources", "until", "successor")
    found = reader.fields(entry.value, what, ("name", "calendar", "promise"), optional, entry.key)
    if ("until" in found) != ("successor" in found):
        missing = "successor" if "until" in found else "until"
        reader.problem(entry.key, f"a retired department needs until and successor; {what} has no {missing}")
    return Department(
        code=entry.name,
        name=reader.text(found.get("name"), "name"),
        calendar=reader.reference(found.get("calendar"), "calendar"),
        promise=reader.reference(found.get("promise"), "promise"),
        ladder=reader.reference(found["ladder"], "ladder") if "ladder" in found else None,
        rules=_globs(reader, found.get("rules"), "rules"),
        agendas=_globs(reader, found.get("agendas"), "agendas"),
        sources=_sources(reader, found.get("sources"), what, listed),
        until=reader.day(found.get("until"), "until"),
        successor=reader.reference(found["successor"], "department") if "successor" in found else None,
    )


def read_team(reader: Reader, entry: Entry, listed: list[Listed]) -> Team:
    """One team; adds its sources to `listed`."""
    what = f"team {entry.name}"
    check_code(reader, entry, "team")
    found = reader.fields(entry.value, what, ("name", "neighbourhoods"), ("sources", "until"), entry.key)
    places = _places(reader, found.get("neighbourhoods"))
    if "neighbourhoods" in found and not places:
        reader.problem(found["neighbourhoods"], f"{what} works nowhere; list at least one CBS code, as {_PLACES}")
    return Team(
        code=entry.name,
        name=reader.text(found.get("name"), "name"),
        neighbourhoods=places,
        sources=_sources(reader, found.get("sources"), what, listed),
        until=reader.day(found.get("until"), "until"),
    )


def check_code(reader: Reader, entry: Entry, what: str) -> None:
    """Refuse a code that cannot be part of a topic's name, and the one that is the machinery's."""
    if entry.name == CANARY:
        reader.problem(
            entry.key, f"{CANARY!r} is reserved: under it the machinery sends itself a signal; take another code"
        )
    if not re.fullmatch(CODE, entry.name, re.ASCII):
        reader.problem(
            entry.key,
            f"{entry.name!r} is no code of a {what}; use small letters, digits and single hyphens, at most 60",
        )


def check_sources(reader: Reader, listed: list[Listed]) -> None:
    """Refuse a source that could be two senders'."""
    for one, other in combinations(listed, 2):
        if one.sender != other.sender and overlap(one.source, other.source):
            where = f"{one.source!r} of {one.sender} on line {one.node.start_mark.line + 1}"
            reader.problem(other.node, f"{other.source!r} overlaps {where}; a source is one sender's")


def check_successors(reader: Reader, departments: Mapping[str, Department], entries: list[Entry]) -> None:
    """Refuse successors that lead round in a ring: nobody would answer."""
    for entry in entries:
        path = list(_succession(departments, entry.name))
        if path and path[-1] == entry.name:
            ring = " > ".join([entry.name, *path])
            reader.problem(entry.key, f"the successors lead back: {ring}; end with a department that is not retired")


def _succession(departments: Mapping[str, Department], code: str) -> Iterator[str]:
    """The successors of a department, up to the first that was seen before."""
    seen = {code}
    while (after := departments[code].successor) and after in departments:
        yield after
        if after in seen:
            return
        seen.add(after)
        code = after


def _places(reader: Reader, node: Node | None) -> tuple[str, ...]:
    found = reader.texts(node, "neighbourhoods")
    for item, code in found:
        if not is_place(code):
            reader.problem(item, f"{code!r} is no CBS code; write {_PLACES}")
    return tuple(code for _, code in found)


def _globs(reader: Reader, node: Node | None, what: str) -> tuple[str, ...]:
    found = reader.texts(node, what)
    for item, glob in found:
        if fault := fault_of(glob):
            reader.problem(item, f"{what}: {fault}")
    return tuple(glob for _, glob in found)


def _sources(reader: Reader, node: Node | None, sender: str, listed: list[Listed]) -> tuple[str, ...]:
    found = reader.texts(node, "sources")
    for item, source in found:
        _check_source(reader, item, source)
        listed.append(Listed(sender, source, item))
    return tuple(source for _, source in found)


def _check_source(reader: Reader, node: Node, source: str) -> None:
    if not _SOURCE.fullmatch(source) or "*" in source[:-1]:
        reader.problem(node, f"{source!r} is no source; write a URN without spaces, with at most one `*`, at its end")
    elif (found := _OIN_SOURCE.match(source)) and not re.fullmatch(OIN, found[1], re.ASCII):
        reader.problem(node, f"{found[1]!r} is no OIN; write {_OINS.replace(' in quotes', '')}")
