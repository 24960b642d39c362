"""A signal and its assignments as the ledger knows them: plain records, changed only by `lifecycle.decide`.

Named tuples, for each event makes and replaces several: a frozen dataclass of thirty fields takes four to ten times as
long.
"""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from events.answers import Outcome
from events.identifiers import AssignmentId, SignalId
from events.outcomes import How, Stage
from events.signals import AnyKind

SignalState = Literal["open", "resolved", "closed"]
AssignmentState = Literal["waiting", "acknowledged", "resolved", "closed", "handed-over"]
Verdict = Literal["met", "missed"]
"""How a promise was decided; each stage is decided once (contract 2)."""
Act = Literal["remind", "escalate", "deadline", "close", "silence"]

OPEN: frozenset[AssignmentState] = frozenset({"waiting", "acknowledged"})


class Moment(NamedTuple):
    """Something that happens when nobody answers: a reminder, a rung of the ladder, or a deadline.

    Those of the stages acknowledge and resolve stand on their assignment, and so do the rungs of the stage confirm,
    from when the team is asked until it answers. What the signal itself waits for (the deadline of confirm, and the
    closing) stands on the signal.
    """

    due: datetime
    stage: Stage
    act: Act
    to: str = ""  # whom it is for: a department's or team's code; empty for a deadline
    rung: int = 0  # from 1, in the order of the ladder; 1 for what is no rung and is told; 0 for a deadline
    promise: Literal["first", "extended"] = "first"


class Assignment(NamedTuple):
    """The duty of one department to acknowledge and resolve one signal, in one round."""

    id: AssignmentId
    signal: SignalId
    department: str
    round: int
    kind: AnyKind
    because: str  # why this department: the route that chose it
    agreements: str  # the version under which the promise was made
    promise: str  # its name in that version
    state: AssignmentState
    waiting_since: datetime  # the first clock: it carries over when the assignment is handed over
    assigned_at: datetime  # from here the acknowledgement is counted
    acknowledge_by: datetime
    resolve_first: datetime  # the first date: outcomes go by this one
    resolve_by: datetime  # the date that stands after extensions
    last_at: datetime  # no later moment of this assignment may lie before it
    extensions: int = 0
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    ended_at: datetime | None = None  # closed or handed over
    stood_at: datetime | None = None  # the resolution that stood when its signal first closed: this wait is certain
    acknowledge: Verdict | None = None
    resolve: Verdict | None = None
    resolve_inherited: bool = False  # decided before it was handed over to here, so not counted again
    confirm: Verdict | None = None
    asked_at: datetime | None = None  # when the team was first asked to judge this work
    answered_at: datetime | None = None  # and when it answered
    outcome: Outcome | None = None
    explanation: str | None = None
    custom_solution: dict[str, Any] | None = None
    contested: int = 0  # how often the team said it was not solved
    handed_over_from: str | None = None
    handed_over_to: str | None = None
    moments: tuple[Moment, ...] = ()  # still to come, the first first


class Signal(NamedTuple):
    """What a team reported, and how far the town is with it."""

    id: SignalId
    kind: AnyKind
    team: str
    neighbourhood: str
    report: dict[str, Any]  # the signal's own data as sent
    rules: tuple[str, ...]  # the codes of the rules that it names
    state: SignalState
    waiting_since: datetime  # when the broker received it
    last_at: datetime
    hand_overs: int = 0
    proposed_at: datetime | None = None  # when the team was asked whether it is solved
    confirm_by: datetime | None = None
    closed_at: datetime | None = None
    how: How | None = None
    contact_on: datetime | None = None  # the last recorded contact with residents
    moments: tuple[Moment, ...] = ()


class State(NamedTuple):
    """One signal with all its assignments: what one happening can change."""

    signal: Signal
    assignments: dict[AssignmentId, Assignment]


class Follow(NamedTuple):
    """An event to publish: the structured event and the logical topics on which it is told."""

    topics: tuple[str, ...]
    raw: dict[str, Any]
