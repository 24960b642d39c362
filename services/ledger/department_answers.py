"""What a department's answer does (contract 1.2 and 2)."""

from collections.abc import Callable
from datetime import UTC, datetime

from events import answers
from events.catalogue import team_feedback
from events.moments import zulu
from events.reading import Event
from services.agreements import promises
from services.ledger import telling
from services.ledger.assigning import ask, extend, receive, unwatched, watch, without
from services.ledger.draft import Draft, Refusal, Repeated
from services.ledger.state import OPEN, Assignment, Moment
from services.ledger.transitions import ASSIGNMENT, DepartmentVerb

HAND_OVERS_MAX = 5
HAND_OVERS_TOLD = 3
"""At this hand-over of a signal the default department is told the path so far."""


def answer(draft: Draft, assignment: Assignment, event: Event, at: datetime) -> None:
    """Apply a department's answer to its assignment; raises `Refusal`, or `Repeated` when it already holds."""
    verb = _verb(event)
    if _already_holds(assignment, event.data):
        raise Repeated
    target = ASSIGNMENT[assignment.state][verb]
    if target not in ASSIGNMENT:
        raise _refusal(assignment, target)
    before = len(draft.follows)
    _APPLY[verb](draft, assignment, event.data, at)
    draft.follows.insert(before, telling.as_sent(event, (team_feedback(draft.signal.team),)))
    _propose_when_resolved(draft, at)


def _verb(event: Event) -> DepartmentVerb:
    verbs: dict[type, DepartmentVerb] = {
        answers.Acknowledged: "acknowledged",
        answers.HandedOver: "handed-over",
        answers.Extended: "extended",
        answers.Resolved: "resolved",
    }
    return verbs[type(event.data)]


def _already_holds(assignment: Assignment, data: object) -> bool:
    """Whether this answer repeats what holds: same assignment and type, equal `to`, `until` or `outcome`."""
    match data:
        case answers.Acknowledged():
            return assignment.state == "acknowledged"
        case answers.HandedOver():
            return assignment.state == "handed-over" and assignment.handed_over_to == data.to
        case answers.Extended():
            return assignment.state in OPEN and assignment.extensions > 0 and assignment.resolve_by == data.until
        case answers.Resolved():
            return assignment.state in {"resolved", "closed"} and assignment.outcome == data.outcome
    return False


def _refusal(assignment: Assignment, code: str) -> Refusal:
    if code == "already-handed-over":
        return Refusal("already-handed-over", f"this assignment was handed over to {assignment.handed_over_to}")
    if code == "already-resolved":
        return Refusal("already-resolved", f"this assignment was resolved as {assignment.outcome}")
    return Refusal("already-closed", "the signal of this assignment is closed")


def _acknowledge(draft: Draft, assignment: Assignment, data: answers.Acknowledged, at: datetime) -> None:
    del data
    watch(draft, acknowledged(draft, assignment, at, state="acknowledged"), at)


def acknowledged(draft: Draft, assignment: Assignment, at: datetime, **changes: object) -> Assignment:
    """The acknowledge stage is answered at `at`, by whichever answer came first; a missed one stays missed."""
    verdict = assignment.acknowledge or "met"
    first = {} if assignment.acknowledged_at else {"acknowledged_at": at, "acknowledge": verdict}
    moments = unwatched(without(assignment.moments, "acknowledge"))
    return draft.change(assignment, last_at=at, **{"moments": moments, **first, **changes})


def _hand_over(draft: Draft, assignment: Assignment, data: answers.HandedOver, at: datetime) -> None:
    _check_hand_over(draft, assignment, data.to, at)
    pass_on(draft, assignment, data.to, at)
    draft.change_signal(hand_overs=draft.signal.hand_overs + 1)
    if draft.signal.hand_overs == HAND_OVERS_TOLD:
        _tell_the_path(draft, assignment, at)


def pass_on(draft: Draft, assignment: Assignment, to: str, at: datetime) -> None:
    """End the giver's assignment and give `to` its own; one of theirs that is still open and this one merge."""
    acknowledged(draft, assignment, at, state="handed-over", handed_over_to=to, ended_at=at, moments=())
    draft.change_signal(last_at=max(draft.signal.last_at, at))
    theirs = [other for other in draft.assignments.values() if other.department == to]
    if not any(other.state in OPEN for other in theirs):
        receive(draft, assignment, to, len(theirs) + 1, at)


def _check_hand_over(draft: Draft, assignment: Assignment, to: str, at: datetime) -> None:
    agreements = draft.book.current
    if to not in agreements.departments:
        raise Refusal("unknown-department", f"there is no department {to!r}")
    if agreements.is_retired(to, at):
        raise Refusal("unknown-department", f"{to} gets no new work; its successor is {agreements.heir(to, at)}")
    if to == assignment.department:
        raise Refusal("unknown-department", "an assignment is handed over to another department, not to oneself")
    if draft.signal.hand_overs >= HAND_OVERS_MAX:
        raise Refusal("too-many-hand-overs", f"this signal was handed over {HAND_OVERS_MAX} times already")


def _tell_the_path(draft: Draft, assignment: Assignment, at: datetime) -> None:
    handed = sorted(
        (other for other in draft.assignments.values() if other.state == "handed-over"),
        key=lambda other: other.ended_at or other.assigned_at,
    )
    last = draft.assignments[assignment.id]
    path = [other.department for other in handed] + [last.handed_over_to or ""]
    agreements = draft.book.current
    default = agreements.heir(agreements.default, at)
    call = Moment(at, "acknowledge", "escalate", default, rung=HAND_OVERS_TOLD)
    telling.called(draft, last, call, path=path)


def _extend(draft: Draft, assignment: Assignment, data: answers.Extended, at: datetime) -> None:
    agreements = draft.book.of(assignment.agreements, assignment.department)
    promise = agreements.promise_of(assignment.department, assignment.promise)
    if at > assignment.resolve_by:
        raise Refusal("too-late", f"the date that stood, {zulu(assignment.resolve_by)}, has passed")
    if data.until <= assignment.resolve_by:
        raise Refusal("date-in-the-past", f"not later than the date that stands, {zulu(assignment.resolve_by)}")
    if assignment.extensions >= promise.extensions:
        raise Refusal("too-many-extensions", f"the promise {promise.name!r} allows {promise.extensions}")
    latest = promises.latest_extension(agreements, assignment.department, assignment.promise, assignment.resolve_by)
    if data.until > latest:
        raise Refusal("too-far", f"the promise {promise.name!r} allows no later than {zulu(latest)}")
    extend(draft, assignment, data.until.astimezone(UTC), at)


def _resolve(draft: Draft, assignment: Assignment, data: answers.Resolved, at: datetime) -> None:
    solution = data.custom_solution
    resolved = acknowledged(
        draft,
        assignment,
        at,
        state="resolved",
        resolved_at=at,
        outcome=data.outcome,
        explanation=data.explanation,
        custom_solution=solution.model_dump(mode="json", by_alias=True, exclude_none=True) if solution else None,
    )
    if solution:
        telling.precedent(draft, resolved, at)


_APPLY: dict[DepartmentVerb, Callable[..., None]] = {
    "acknowledged": _acknowledge,
    "handed-over": _hand_over,
    "extended": _extend,
    "resolved": _resolve,
}


def _propose_when_resolved(draft: Draft, at: datetime) -> None:
    """Ask the team once every assignment that was not handed over is resolved; the longest promise counts."""
    standing = draft.standing()
    if draft.signal.state != "open" or any(assignment.state != "resolved" for assignment in standing):
        return
    asked_at = max(at, draft.latest())
    confirm_by = max(_confirm_by(draft, assignment, asked_at) for assignment in standing)
    close_by = max(_confirm_by(draft, assignment, confirm_by) for assignment in standing)
    moments = (Moment(confirm_by, "confirm", "deadline"), Moment(close_by, "confirm", "close"))
    for assignment in standing:
        ask(draft, assignment, asked_at, confirm_by)
    draft.change_signal(
        state="resolved", proposed_at=asked_at, confirm_by=confirm_by, moments=moments, last_at=asked_at
    )
    telling.proposed(draft, asked_at, confirm_by)


def _confirm_by(draft: Draft, assignment: Assignment, at: datetime) -> datetime:
    agreements = draft.book.of(assignment.agreements, assignment.department)
    return promises.confirm_by(agreements, assignment.department, assignment.promise, at)
