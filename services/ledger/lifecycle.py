"""The pure core: what a happening does to a signal, and what is told because of it. No clock, no database, no Kafka."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from events import answers
from events.catalogue import kind_of
from events.identifiers import AssignmentId, SignalId, signal_id
from events.reading import Event
from events.signals import Report, is_report, own_fields, rules_of
from services.agreements.routing import route
from services.agreements.senders import Sender
from services.ledger import department_answers, team_answers, telling
from services.ledger.assigning import assign
from services.ledger.book import Book
from services.ledger.draft import Draft, Refusal, Repeated
from services.ledger.passing import pass_all, pass_assignment, pass_signal
from services.ledger.state import Follow, Signal, State


class Said(NamedTuple):
    """A team or a department said something: a checked event and who sent it."""

    event: Event
    sender: Sender


class Passed(NamedTuple):
    """Time went by: every moment before `at` has passed, for the signal and all its assignments."""


Happening = Said | Passed


class Decision(NamedTuple):
    """The state after a happening, the events to publish, and why an answer was refused, if it was."""

    state: State | None
    follows: tuple[Follow, ...] = ()
    refusal: Refusal | None = None


def decide(state: State | None, happening: Happening, at: datetime, book: Book) -> Decision:
    """Apply one happening at the broker's moment `at` (aware UTC).

    `state` is None when the ledger knows no such signal. Every moment of an assignment that lies before `at` passes
    first, so the outcome does not depend on whether the timekeeper or a late answer ran first (design 2).
    """
    if isinstance(happening, Passed):
        return _pass(state, at, book)
    data = happening.event.data
    if is_report(data):
        return _report(state, happening.event, data, at, book)
    if state is None:
        return refuse_unknown(happening, at, book)
    draft = Draft.of(state, book)
    if answers.is_of_department(data):
        return _attempt(draft, happening, at, lambda: _department(draft, happening, data, at))
    if answers.is_of_team(data):
        return _attempt(draft, happening, at, lambda: _team(draft, happening, at))
    raise TypeError(f"{type(data).__name__} is no happening of a signal")


def refuse_unknown(said: Said, at: datetime, book: Book) -> Decision:
    """Refuse an answer to a signal or assignment that the ledger does not know."""
    if isinstance(said.event.data, answers.DepartmentAnswer):
        refusal = Refusal("unknown-assignment", f"there is no assignment {said.event.data.assignment}")
    else:
        refusal = Refusal("unknown-signal", f"there is no signal {subject_of(said.event)}")
    return Decision(None, (_refused(said, at, book, refusal),), refusal)


def subject_of(event: Event) -> SignalId | AssignmentId:
    """What an event is about: its own signal for a report, else the assignment or the signal that it answers."""
    data = event.data
    if answers.is_of_department(data):
        return AssignmentId(data.assignment)
    if answers.is_of_team(data):
        return SignalId(data.signal)
    return signal_id(event.source, event.id)


def _pass(state: State | None, at: datetime, book: Book) -> Decision:
    if state is None:
        return Decision(None)
    draft = Draft.of(state, book)
    pass_all(draft, at)
    return Decision(draft.state(), tuple(draft.follows))


def _report(state: State | None, event: Event, data: Report, at: datetime, book: Book) -> Decision:
    if state is not None:  # a repeat: the same source and id are the same signal
        return Decision(state)
    kind = kind_of(event.type)
    if kind is None:
        raise TypeError(f"{event.type} is no signal")
    known = own_fields(kind, event.raw["data"])
    signal = Signal(
        id=signal_id(event.source, event.id),
        kind=kind,
        team=data.team,
        neighbourhood=data.neighbourhood,
        report=event.raw["data"],
        rules=tuple(dict.fromkeys(rule["code"] for rule in rules_of(known))),
        state="open",
        waiting_since=at,
        last_at=at,
    )
    draft = Draft(signal, {}, book)
    for routed in route(book.current, kind, known, at):
        assign(draft, routed.department, routed.because, routed.promise, at)
    if not draft.assignments:  # a route that notes it and binds nobody: nothing is left to wait for
        draft.change_signal(state="closed", closed_at=at)
    return Decision(draft.state(), tuple(draft.follows))


def _attempt(draft: Draft, said: Said, at: datetime, apply: Callable[[], None]) -> Decision:
    try:
        apply()
    except Repeated:
        pass
    except Refusal as refusal:
        draft.follows.append(_refused(said, at, draft.book, refusal))
        return Decision(draft.state(), tuple(draft.follows), refusal)
    return Decision(draft.state(), tuple(draft.follows))


def _department(draft: Draft, said: Said, data: answers.DepartmentAnswer, at: datetime) -> None:
    assignment = draft.assignments.get(AssignmentId(data.assignment))
    if assignment is None:
        raise Refusal("unknown-assignment", f"there is no assignment {data.assignment}")
    if said.sender != ("department", assignment.department):
        raise Refusal("not-your-assignment", f"this assignment is {assignment.department}'s")
    moment = max(at, assignment.last_at)  # leaders' clocks may differ; no wait is negative
    pass_assignment(draft, assignment.id, moment)
    pass_signal(draft, moment)
    department_answers.answer(draft, draft.assignments[assignment.id], said.event, moment)


def _team(draft: Draft, said: Said, at: datetime) -> None:
    if said.sender != ("team", draft.signal.team):
        raise Refusal("not-your-signal", f"this signal is {draft.signal.team}'s")
    moment = max(at, draft.latest())
    if isinstance(said.event.data, answers.ContactRecorded):
        pass_signal(draft, moment)  # it says nothing of an assignment, so it decides nothing of one
    else:
        pass_all(draft, moment)
    team_answers.answer(draft, said.event, moment)


def _refused(said: Said, at: datetime, book: Book, refusal: Refusal) -> Follow:
    reference = (said.event.source, said.event.id)
    return telling.refused(book.current.source, said.sender, at, reference, refusal.code, refusal.explanation)
