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
    coming = {moment.rung for moment in assignment.moments if moment.stage == "resolve" and moment.act != "deadline"}
    ladder = stage_moments(
        agreements, assignment.department, "resolve", assignment.waiting_since, until, assignment.promise
    )
    kept = [moment for moment in assignment.moments if moment.stage == "acknowledge" or _first_deadline(moment)]
    moved = [moment for moment in ladder if moment.rung in coming]
    deadline = Moment(until, "resolve", "deadline", promise="extended")
    return draft.change(
        assignment,
        resolve_by=until,
        extensions=assignment.extensions + 1,
        moments=in_order([*kept, *moved, deadline]),
        last_at=at,
    )


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


def _first_deadline(moment: Moment) -> bool:
    return moment.stage == "resolve" and moment.act == "deadline" and moment.promise == "first"
