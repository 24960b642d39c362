"""The constant fields of the signals of a replay, checked as the loop itself checks a signal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from events.faults import Fault, faults_of
from events.signals import SIGNALS, Kind
from events.texts import personal_data

TEAM = "replay"
"""The one team of a replay: it emits every case as a signal."""

_FROM_THE_LOG = {
    "team": "the team of a replay is its own",
    "departments": "the log says which department a case is with",
    "caseReference": "it is the case of the log",
    "since": "it is the moment at which the case began",
}

Where = tuple[str | int, ...]


def faults_of_report(kind: Kind, report: dict[str, Any]) -> list[tuple[Where, str]]:
    """Every fault in `report`, the constant fields of a signal of this kind, with the path below it."""
    if kind == "intervention-announced":
        return [((), "an intervention is announced by a department and cannot be replayed; choose another kind")]
    faults: list[tuple[Where, str]] = [
        ((name,), f"report.{name}: leave it out: {why}") for name, why in _FROM_THE_LOG.items() if name in report
    ]
    faults += [
        (where, f"report.{'.'.join(map(str, where))}: leave it out: the log says which department answers")
        for where in _owners(report, ())
    ]
    known = {name: value for name, value in report.items() if name not in _FROM_THE_LOG}
    try:
        SIGNALS[kind].model_validate({"team": TEAM, **known}, extra="forbid", by_name=False)
    except ValidationError as error:
        places = [tuple(item["loc"]) for item in error.errors(include_url=False)]
        faults += zip(places, map(_sentence, faults_of(error, "report")), strict=True)
    return faults + [((), str(fault)) for fault in personal_data(known, "report")]


def _sentence(fault: Fault) -> str:
    return f"{fault.where}: {fault.what}"


def _owners(value: Any, path: Where) -> Iterator[Where]:
    """Where a rule or an agenda names its owner: that department would get the signal too."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "owner":
                yield (*path, key)
            yield from _owners(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _owners(item, (*path, number))
