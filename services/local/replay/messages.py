"""A step of the plan as the event that a team or a department would have sent: pure."""

from __future__ import annotations

from typing import Any

from events import catalogue
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import SignalId, assignment_id, signal_id
from services.ledger.reading import READ_AS
from services.local.replay.constants import TEAM
from services.local.replay.events import SOURCE, Step
from services.local.replay.mapping import Mapping
from services.runtime.publisher import Message

INPUT = "replay.input"
"""The one input topic of a replay: each record says in a header as which topic's it is to be read."""

_CLERK = "case handler"
_NEIGHBOURS = "neighbourhood team"
_TYPES = {
    "acknowledge": "assignments.acknowledged",
    "hand-over": "assignments.handed-over",
    "resolve": "assignments.resolved",
    "confirm": "signals.confirmed",
}


def message(step: Step, mapping: Mapping) -> Message:
    """The record to send: the event, as which topic's it is to be read, and the log's own moment."""
    signal = signal_id(SOURCE, event_id(step.case))
    topic, type_, data = _event(step, mapping, signal)
    raw = structured(id_=event_id(step.case, step.number), source=SOURCE, type_=type_, time=step.at, data=data)
    headers = (*STRUCTURED_HEADERS, (READ_AS, topic.encode()))
    return Message(INPUT, str(signal).encode(), encode(raw), headers, step.at)


def event_id(case: str, number: int = 0) -> str:
    """The id of a case's step; its signal is number 0. The number stands first, for a case may be named anything."""
    return f"{number}/{case}"


def _event(step: Step, mapping: Mapping, signal: SignalId) -> tuple[str, str, dict[str, Any]]:
    if step.verb == "signal":
        data = {"team": TEAM, **mapping.report, "caseReference": step.case, "departments": [step.department]}
        return catalogue.neighbourhood_topic(mapping.kind), catalogue.signal_type(mapping.kind), data
    type_ = f"{catalogue.PREFIX}.{_TYPES[step.verb]}.v1"
    if step.verb == "confirm":
        return catalogue.team_answers(TEAM), type_, {"signal": str(signal), "by": _NEIGHBOURS}
    assignment = assignment_id(signal, step.department, step.round)
    data = {"assignment": str(assignment), "by": _CLERK, **_said(step)}
    return catalogue.department_answers(step.department), type_, data


def _said(step: Step) -> dict[str, Any]:
    if step.verb == "acknowledge":
        return {"contact": {"role": _CLERK, "reach": "through the department"}}
    if step.verb == "hand-over":
        return {"to": step.to, "reason": "The log names this department from here on."}
    return {"outcome": "solved", "explanation": "The log says that it is done."}
