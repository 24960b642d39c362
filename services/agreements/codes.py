"""Codes in a signal that the agreements do not know: refused, never guessed."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from events.faults import Fault
from events.identifiers import DISTRICT, MUNICIPALITY, NEIGHBOURHOOD
from events.signals import CANARY
from services.agreements.model import Agreements


def unknown_codes(agreements: Agreements, kind: str, data: Mapping[str, Any]) -> list[str]:
    """What `unknown_faults` finds, each as one sentence that begins with its path."""
    return [str(fault) for fault in unknown_faults(agreements, kind, data)]


_NAMING = frozenset({"department", "departments", "rule", "rules", "agendas"})
"""The fields of a signal's data in which departments are named."""


def unknown_faults(agreements: Agreements, kind: str, data: Mapping[str, Any]) -> list[Fault]:
    """Every team, department or CBS code in a signal's data that the agreements do not know.

    A CBS code is known when it is the municipality, a team's neighbourhood, or lies in or around one.
    """
    faults: list[Fault] = []
    team = data.get("team")
    if team is not None and team not in ({CANARY} if kind == CANARY else agreements.teams):
        faults.append(Fault("data.team", f"there is no team {team!r}{did_you_mean(team, agreements.teams)}"))
    named = () if _NAMING.isdisjoint(data) else _departments(kind, data)  # most reports leave that to the agreements
    for path, code in named:
        if code not in agreements.departments:
            near = did_you_mean(code, agreements.departments)
            faults.append(Fault(path, f"there is no department {code!r}{near}"))
    for path, code in _neighbourhoods(kind, data):
        if not is_known_place(agreements, code):
            faults.append(Fault(path, f"no team of {agreements.municipality.name} works in {code!r}"))
    return faults


def is_known_place(agreements: Agreements, code: str) -> bool:
    """Whether a CBS code is the municipality, or is, holds or lies in the neighbourhood of a team."""
    if code == agreements.municipality.code:
        return True
    digits = code[2:]
    if digits in agreements.places or digits in agreements.around:
        return True
    for end in range(len(digits) - 1, -1, -1):  # noqa: SIM110 - every event passes here, and `any` takes twice as long
        if digits[:end] in agreements.places:
            return True
    return False


def is_place(code: str) -> bool:
    """Whether this is a CBS code of a municipality, a district or a neighbourhood."""
    return re.fullmatch(f"{MUNICIPALITY}|{DISTRICT}|{NEIGHBOURHOOD}", code, re.ASCII) is not None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names what is nearest to a mistyped word; empty when nothing is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _departments(kind: str, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if kind == "intervention-announced" and data.get("department"):
        yield "data.department", data["department"]
    for number, code in enumerate(data.get("departments") or []):
        yield f"data.departments[{number}]", code
    if owner := (data.get("rule") or {}).get("owner"):
        yield "data.rule.owner", owner
    for name in ("rules", "agendas"):
        for number, item in enumerate(data.get(name) or []):
            if item.get("owner"):
                yield f"data.{name}[{number}].owner", item["owner"]


def _neighbourhoods(kind: str, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if data.get("neighbourhood"):
        yield "data.neighbourhood", data["neighbourhood"]
    if kind == "intervention-announced":
        for number, code in enumerate(data.get("neighbourhoods") or []):
            yield f"data.neighbourhoods[{number}]", code
