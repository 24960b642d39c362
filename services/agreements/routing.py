"""Which departments a signal is assigned to, and why: every route that matches, and every owner."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from events.signals import CANARY, rules_of
from services.agreements.codes import unknown_codes
from services.agreements.globs import matches
from services.agreements.model import Agreements, Route

__all__ = ["Routed", "route", "unknown_codes"]

Reason = tuple[str, str, str | None]
"""A department, why, and the promise that a route gives it."""


class Routed(NamedTuple):
    """A department that must answer, the reason that chose it first, and the promise that it makes."""

    department: str
    because: str
    promise: str


def route(agreements: Agreements, kind: str, data: Mapping[str, Any], at: datetime | None = None) -> tuple[Routed, ...]:
    """Who must answer a signal, each department once, with its first reason; `data` as in the event (camelCase).

    The order: routes as they stand in the file, owners of rules, owners of agendas, the department that intervenes,
    those the team names. When none of these names anyone the default answers, unless a route with `to: []` matched:
    then the signal is noted and nobody is bound. The promise is that of the first route that names one for this
    department, else the department's own. With `at`, a department that is retired by then is replaced by its successor.

    Codes that the agreements do not know are left out; `unknown_codes` names them, and the caller refuses them first.
    The canary goes to itself, past every route: `kind: "*"` means what people report.
    """
    if kind == CANARY:
        return (Routed(CANARY, "the canary's own", agreements.canary.promise.name),)
    values = {**data, "kind": kind}
    matching = [candidate for candidate in agreements.routes if _matches(candidate, values)]
    reasons = [
        *_routes(matching),
        *_rule_owners(agreements, data),
        *_agenda_owners(agreements, data),
        *_named(kind, data),
    ]
    if not reasons and all(candidate.to for candidate in matching):
        reasons = [(agreements.default, "default", None)]
    known = [reason for reason in reasons if reason[0] in agreements.departments]
    return _once_each(agreements, known if at is None else [_in_force(agreements, reason, at) for reason in known])


def _matches(candidate: Route, values: Mapping[str, Any]) -> bool:
    for name, globs in candidate.when.items():  # loops, not generators: every signal is held against every route
        value = values.get(name)
        if value is None or not _any(globs, value if isinstance(value, list) else [value]):
            return False
    return True


def _any(globs: tuple[str, ...], values: list[Any]) -> bool:
    for value in values:
        text = as_text(value)
        for glob in globs:
            if text == glob or matches(glob, text):
                return True
    return False


def as_text(value: Any) -> str:
    """A value as it is written in the agreements: `true`, `false`, a number or the text itself."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _routes(matching: Iterable[Route]) -> Iterator[Reason]:
    for found in matching:
        for department in found.to:
            yield department, found.because, found.promise


def _rule_owners(agreements: Agreements, data: Mapping[str, Any]) -> Iterator[Reason]:
    for rule in rules_of(dict(data)):
        because = f"owner of rule {rule['code']}"
        if rule.get("owner"):
            yield rule["owner"], because, None
        for code, department in agreements.departments.items():
            if any(matches(glob, rule["code"]) for glob in department.rules):
                yield code, because, None


def _agenda_owners(agreements: Agreements, data: Mapping[str, Any]) -> Iterator[Reason]:
    for agenda in data.get("agendas") or []:
        because = f"owner of agenda {agenda['name']}"
        if agenda.get("owner"):
            yield agenda["owner"], because, None
        for code, department in agreements.departments.items():
            if any(matches(glob, agenda["name"]) for glob in department.agendas):
                yield code, because, None


def _named(kind: str, data: Mapping[str, Any]) -> Iterator[Reason]:
    if kind == "intervention-announced" and data.get("department"):
        yield data["department"], "announced the intervention", None
    for code in data.get("departments") or []:
        yield code, "named by the team", None


def _in_force(agreements: Agreements, reason: Reason, at: datetime) -> Reason:
    department, because, promise = reason
    heir = agreements.heir(department, at)
    return reason if heir == department else (heir, f"{because} (successor of {department})", promise)


def _once_each(agreements: Agreements, reasons: Iterable[Reason]) -> tuple[Routed, ...]:
    because: dict[str, str] = {}
    promises: dict[str, str] = {}
    for department, why, promise in reasons:
        because.setdefault(department, why)
        if promise:
            promises.setdefault(department, promise)
    return tuple(
        Routed(code, why, promises.get(code, agreements.departments[code].promise)) for code, why in because.items()
    )
