"""What a team's answer does (contract 1.3 and 2)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from events import answers
from events.catalogue import department_assignments
from events.identifiers import AssignmentId
from events.reading import Event
from services.ledger import telling
from services.ledger.assigning import watch, without
from services.ledger.draft import Draft, Refusal, Repeated
from services.ledger.passing import close, pass_assignment
from services.ledger.state import OPEN, Assignment
from services.ledger.transitions import SIGNAL, TeamVerb

Departments = tuple[str, ...]
"""The codes of the departments that must hear the team's own words, since their work is open again."""

CONTESTABLE = timedelta(days=90)
"""How long a signal that was closed without a word from the team can still be contested."""


def answer(draft: Draft, event: Event, at: datetime) -> None:
    """Apply a team's answer to its signal; raises `Refusal`, or `Repeated` when it already holds."""
    verb = _verb(event)
    if _already_holds(draft, verb):
        raise Repeated
    target = SIGNAL[draft.signal.state][verb]
    if target not in SIGNAL and not (verb == "contested" and _closed_without_a_word(draft, at)):
        raise _refusal(draft, target)
    concerned = _APPLY[verb](draft, event.data, at)
    if concerned:
        draft.follows.append(telling.as_sent(event, tuple(department_assignments(code) for code in concerned)))


def _verb(event: Event) -> TeamVerb:
    verbs: dict[type, TeamVerb] = {
        answers.Confirmed: "confirmed",
        answers.Contested: "contested",
        answers.Withdrawn: "withdrawn",
        answers.ContactRecorded: "contact-recorded",
    }
    return verbs[type(event.data)]


def _already_holds(draft: Draft, verb: TeamVerb) -> bool:
    return draft.signal.state == "closed" and draft.signal.how == verb


def _closed_without_a_word(draft: Draft, at: datetime) -> bool:
    closed_at = draft.signal.closed_at
    return draft.signal.how == "unconfirmed" and closed_at is not None and at <= closed_at + CONTESTABLE


def _refusal(draft: Draft, code: str) -> Refusal:
    if code == "not-resolved-yet":
        waiting = ", ".join(assignment.department for assignment in draft.open())
        return Refusal("not-resolved-yet", f"the signal still waits for {waiting}")
    return Refusal("already-closed", f"the signal was closed as {draft.signal.how or 'noted'}")


def _confirm(draft: Draft, data: answers.Confirmed, at: datetime) -> Departments:
    del data
    _answered(draft, at)
    close(draft, at, "confirmed")
    return ()


def _answered(draft: Draft, at: datetime) -> None:
    """The team has answered whether it is solved, if it was asked; its stage is met unless it was missed."""
    for assignment in draft.standing():
        if assignment.asked_at is not None and assignment.answered_at is None:
            draft.change(assignment, confirm=assignment.confirm or "met", answered_at=at)


def _contest(draft: Draft, data: answers.Contested, at: datetime) -> Departments:
    targets = _contested(draft, data.assignments)
    _answered(draft, at)
    _ask_no_longer(draft)
    for target in targets:
        _open_again(draft, draft.assignments[target.id], at)
    draft.change_signal(
        state="open", proposed_at=None, confirm_by=None, closed_at=None, how=None, moments=(), last_at=at
    )
    _stand_again(draft)
    return tuple(target.department for target in targets)


def _contested(draft: Draft, named: list[UUID] | None) -> list[Assignment]:
    """The assignments that are contested: those named, or else all resolved ones."""
    done = [assignment for assignment in draft.standing() if assignment.state not in OPEN]
    if named is None:
        if not done and any(assignment.contested for assignment in draft.open()):
            raise Repeated
        if not done:
            raise _refusal(draft, "not-resolved-yet")
        return done
    for id_ in named:
        if id_ not in draft.assignments:
            raise Refusal("unknown-assignment", f"the signal has no assignment {id_}")
    asked = [draft.assignments[AssignmentId(id_)] for id_ in dict.fromkeys(named)]
    targets = [assignment for assignment in asked if not (assignment.state in OPEN and assignment.contested)]
    if not targets:
        raise Repeated
    for assignment in targets:
        if assignment.state == "handed-over":
            raise Refusal("already-handed-over", f"it was handed over to {assignment.handed_over_to}")
        if assignment.state in OPEN:
            raise Refusal("not-resolved-yet", f"{assignment.department} has not resolved it yet")
    return targets


def _open_again(draft: Draft, assignment: Assignment, at: datetime) -> None:
    """Back to its department; its clock never stopped, so what passed meanwhile has passed."""
    draft.change(
        assignment,
        state="acknowledged",
        resolved_at=None,
        ended_at=None,
        outcome=None,
        explanation=None,
        custom_solution=None,
        contested=assignment.contested + 1,
    )
    pass_assignment(draft, assignment.id, at)
    watch(draft, draft.change(draft.assignments[assignment.id], last_at=at), at)


def _ask_no_longer(draft: Draft) -> None:
    """The team has spoken, so no rung of its stage comes; the next question brings its own."""
    for assignment in draft.standing():
        draft.change(assignment, moments=without(assignment.moments, "confirm"))


def _stand_again(draft: Draft) -> None:
    """What was closed without a word, and is not contested, is resolved as it was before."""
    for assignment in draft.standing():
        if assignment.state == "closed":
            draft.change(assignment, state="resolved", ended_at=None)


def _withdraw(draft: Draft, data: answers.Withdrawn, at: datetime) -> Departments:
    del data
    close(draft, at, "withdrawn")
    return ()


def _record_contact(draft: Draft, data: answers.ContactRecorded, at: datetime) -> Departments:
    if data.with_ != "department":
        on = min(data.on or at, at)  # a contact lies no later than the moment at which it was told
        draft.change_signal(contact_on=max(draft.signal.contact_on or on, on))
    draft.change_signal(last_at=at)
    return ()


_APPLY: dict[TeamVerb, Callable[..., Departments]] = {
    "confirmed": _confirm,
    "contested": _contest,
    "withdrawn": _withdraw,
    "contact-recorded": _record_contact,
}
