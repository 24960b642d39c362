"""How an assignment is made: its dates and its ladder, stored once and never changed by later agreements."""

from collections.abc import Iterable
from datetime import datetime

from events.identifiers import assignment_id
from events.outcomes import Stage
from services.agreements import ladders, promises
from services.agreements.model import Agreements
from services.ledger import telling
from services.ledger.draft import Draft
from services.ledger.state import Assignment, Moment

SILENCE_PERCENT = 50
"""Of the resolve term: so long may an acknowledged assignment lie without any further act."""


def assign(draft: Draft, department: str, because: str, promise: str, at: datetime) -> Assignment:
    """Give `department` an assignment of the signal at `at`, and tell it and the team."""
    agreements = draft.book.current
    dates = promises.dates(agreements, department, promise, at)
    stages: tuple[tuple[Stage, datetime], ...] = (("acknowledge", dates.acknowledge_by), ("resolve", dates.resolve_by))
    moments = [
        moment for stage, due in stages for moment in stage_moments(agreements, department, stage, at, due, promise)
    ]
    assignment = Assignment(
        id=assignment_id(draft.signal.id, department, 1),
        signal=draft.signal.id,
        department=department,
        round=1,
        kind=draft.signal.kind,
        because=because,
        agreements=agreements.version,
        promise=promise,
        state="waiting",
        waiting_since=draft.signal.waiting_since,
        assigned_at=at,
        acknowledge_by=dates.acknowledge_by,
        resolve_first=dates.resolve_by,
        resolve_by=dates.resolve_by,
        last_at=at,
        moments=in_order(moments),
    )
    draft.assignments[assignment.id] = assignment
    telling.assigned(draft, assignment)
    return assignment


def receive(draft: Draft, giver: Assignment, department: str, round_: int, at: datetime) -> Assignment:
    """Make the receiver's assignment of a hand-over: its own time to acknowledge, the first clock for the rest."""
    agreements = draft.book.current
    promise = agreements.departments[department].promise
    acknowledge_by = promises.dates(agreements, department, promise, at).acknowledge_by
    ladder = stage_moments(agreements, department, "resolve", giver.waiting_since, giver.resolve_by, promise)
    moments = [
        *stage_moments(agreements, department, "acknowledge", at, acknowledge_by, promise),
        *(moment for moment in ladder if moment.act != "deadline" and moment.due >= at),
        *(moment for moment in giver.moments if moment.act == "deadline" and moment.stage == "resolve"),
    ]
    assignment = Assignment(
        id=assignment_id(draft.signal.id, department, round_),
        signal=draft.signal.id,
        department=department,
        round=round_,
        kind=draft.signal.kind,
        because=f"handed over by {giver.department}",
        agreements=agreements.version,
        promise=promise,
        state="waiting",
        waiting_since=giver.waiting_since,
        assigned_at=at,
        acknowledge_by=acknowledge_by,
        resolve_first=giver.resolve_first,
        resolve_by=giver.resolve_by,
        last_at=at,
        extensions=giver.extensions,
        resolve=giver.resolve,
        resolve_inherited=giver.resolve is not None,
        handed_over_from=giver.department,
        moments=in_order(moments),
    )
    draft.assignments[assignment.id] = assignment
    telling.assigned(draft, assignment)
    return assignment


def extend(draft: Draft, assignment: Assignment, until: datetime, at: datetime) -> Assignment:
    """Move the date that stands, and with it the reminders and rungs still to come; the first date stays."""
    agreements = draft.book.of(assignment.agreements, assignment.department)
    coming = {
        moment.rung
        for moment in assignment.moments
        if moment.stage == "resolve" and moment.act in {"remind", "escalate"}
    }
    ladder = stage_moments(
        agreements, assignment.department, "resolve", assignment.waiting_since, until, assignment.promise
    )
    kept = [moment for moment in assignment.moments if moment.stage == "acknowledge" or _first_deadline(moment)]
    moved = [moment for moment in ladder if moment.rung in coming]
    deadline = Moment(until, "resolve", "deadline", promise="extended")
    extended = draft.change(
        assignment,
        resolve_by=until,
        extensions=assignment.extensions + 1,
        moments=in_order([*kept, *moved, deadline]),
        last_at=at,
    )
    return watch(draft, extended, at) if extended.state == "acknowledged" else extended


def watch(draft: Draft, assignment: Assignment, at: datetime) -> Assignment:
    """From its last act at `at` an acknowledged assignment may be silent for half the resolve term.

    Half is counted as the promise counts: the moment at which half of a resolve term that began at `at` has gone by,
    in working time when the promise says so, else on the wall clock. Each act begins a new silence.
    """
    agreements = draft.book.of(assignment.agreements, assignment.department)
    term = agreements.promise_of(assignment.department, assignment.promise).resolve
    end = promises.dates(agreements, assignment.department, assignment.promise, at).resolve_by
    half = agreements.calendar_of(assignment.department).share(at, end, SILENCE_PERCENT, working=term.working)
    silence = Moment(half, "resolve", "silence", assignment.department, rung=1)
    return draft.change(assignment, moments=in_order([*unwatched(assignment.moments), silence]))


def unwatched(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    """`moments` less the end of a silence: the department has done something."""
    return tuple(moment for moment in moments if moment.act != "silence")


def ask(draft: Draft, assignment: Assignment, asked_at: datetime, confirm_by: datetime) -> None:
    """The team is asked to judge this work: the rungs of its department's ladder come while it does not answer."""
    agreements = draft.book.of(assignment.agreements, assignment.department)
    found = stage_moments(agreements, assignment.department, "confirm", asked_at, confirm_by, assignment.promise)
    rungs = [_to_team(moment, draft.signal.team) for moment in found if moment.act != "deadline"]
    first = {} if assignment.confirm else {"asked_at": asked_at}
    draft.change(assignment, moments=in_order([*assignment.moments, *rungs]), **first)


def stage_moments(
    agreements: Agreements,
    department: str,
    stage: Stage,
    start: datetime,
    due: datetime,
    promise: str,
) -> list[Moment]:
    """The ladder of one stage and its deadline."""
    ladder = ladders.moments(agreements, department, stage, start, due, promise=promise)
    rungs = [Moment(rung.due, rung.stage, rung.act, rung.to, rung.rung) for rung in ladder]
    return [*rungs, Moment(due, stage, "deadline")]


def in_order(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    """The first first; at one moment the deadline is decided before the rung that answers it."""
    return tuple(sorted(moments, key=lambda moment: (moment.due, moment.act != "deadline", moment.rung)))


def without(moments: Iterable[Moment], stage: Stage) -> tuple[Moment, ...]:
    """`moments` less those of a stage that has been answered."""
    return tuple(moment for moment in moments if moment.stage != stage)


def _to_team(moment: Moment, team: str) -> Moment:
    return moment._replace(to=team) if moment.act == "remind" and moment.to == "team" else moment


def _first_deadline(moment: Moment) -> bool:
    return moment.stage == "resolve" and moment.act == "deadline" and moment.promise == "first"
