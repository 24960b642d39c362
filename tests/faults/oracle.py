"""A small second opinion on promises, from the record alone: it shares no code with the core that decided them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.ledger.state import Assignment
from tests.faults.history import History

ANSWERS = ("acknowledged", "handed-over", "resolved")


@dataclass(slots=True)
class Heard:
    """What was said about one assignment and was not refused: the moments of each answer."""

    first: datetime | None = None
    """Of any answer that acknowledges."""
    resolved: list[datetime] = field(default_factory=list)


def wrong_promises(history: History) -> Iterator[tuple[str, str]]:
    """Assignment and sentence for each promise that was decided otherwise than what was said and when."""
    heard, contested, withdrawn = _heard(history)
    for state in history.states.values():
        signal = state.signal.id
        for assignment in state.assignments.values():
            said = heard.get(assignment.id, Heard())
            by_loop = assignment.state == "handed-over" and said.first is None
            if not by_loop:
                yield from _acknowledge(assignment, said, history, withdrawn.get(signal))
            if not assignment.resolve_inherited:
                yield from _resolve(assignment, said, signal in contested)


def _acknowledge(
    assignment: Assignment, said: Heard, history: History, withdrawn: datetime | None
) -> Iterator[tuple[str, str]]:
    by, verdict, until = assignment.acknowledge_by, assignment.acknowledge, history.settled_until
    if said.first is not None:
        right = "met" if said.first <= by else "missed"
        if verdict != right:
            yield str(assignment.id), f"acknowledge is {verdict}; it was answered {said.first - by} after {by}"
    elif verdict == "met":
        yield str(assignment.id), "acknowledge is met, and nobody answered"
    elif verdict is None and until is not None and by < until and not (withdrawn and withdrawn <= by):
        yield str(assignment.id), f"acknowledge is not decided, though {by} has passed and nobody answered"
    elif verdict == "missed" and history.read_at is not None and by > history.read_at:
        yield str(assignment.id), f"acknowledge is missed, though {by} has yet to come"


def _resolve(assignment: Assignment, said: Heard, contested: bool) -> Iterator[tuple[str, str]]:
    in_time = [moment for moment in said.resolved if moment <= assignment.resolve_first]
    if assignment.resolve == "met" and not in_time:
        yield str(assignment.id), "resolve is met, and nobody resolved it in time"
    if assignment.resolve == "missed" and in_time and not contested:
        yield str(assignment.id), f"resolve is missed; it was resolved at {in_time[0]}, due {assignment.resolve_first}"


def _heard(history: History) -> tuple[Mapping[UUID, Heard], set[UUID], Mapping[UUID, datetime]]:
    heard: dict[UUID, Heard] = defaultdict(Heard)
    contested: set[UUID] = set()
    withdrawn: dict[UUID, datetime] = {}
    for row in history.record:
        if row.refused is not None:
            continue
        verb = row.type.split(".")[-2]
        data = json.loads(row.body)["data"]
        if verb in ANSWERS and "assignment" in data:
            said = heard[UUID(data["assignment"])]
            said.first = row.at if said.first is None else min(said.first, row.at)
            if verb == "resolved":
                said.resolved.append(row.at)
        elif verb == "contested":
            contested.add(UUID(data["signal"]))
        elif verb == "withdrawn":
            withdrawn.setdefault(UUID(data["signal"]), row.at)
    return heard, contested, withdrawn
