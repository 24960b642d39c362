"""Moments that pass because nobody answered: reminders, rungs, deadlines, and a team that stays silent."""

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter

from events.identifiers import AssignmentId
from services.ledger import telling
from services.ledger.draft import Draft
from services.ledger.state import OPEN, Assignment, Moment, State


def pass_assignment(draft: Draft, assignment: AssignmentId, before: datetime) -> None:
    """Let every moment of the assignment that lies before `before` happen, the first first, each at its own time.

    A moment at exactly `before` does not pass: an answer at the deadline is in time.
    """
    _pass(draft, [assignment], before)


def pass_signal(draft: Draft, before: datetime) -> None:
    """Let the moments of the team's stage that lie before `before` happen."""
    while draft.signal.state == "resolved" and draft.signal.moments and draft.signal.moments[0].due < before:
        moment = draft.signal.moments[0]
        draft.change_signal(moments=draft.signal.moments[1:], last_at=max(draft.signal.last_at, moment.due))
        if moment.act == "close":
            close(draft, moment.due, "unconfirmed")
        else:
            _team_is_silent(draft, moment)


def pass_all(draft: Draft, before: datetime) -> None:
    """Let every moment of the signal and its assignments that lies before `before` happen."""
    _pass(draft, draft.assignments, before)
    pass_signal(draft, before)


def next_moment(state: State) -> datetime | None:
    """When this signal next needs the timekeeper, or None when nothing is to come."""
    dues = [item.moments[0].due for item in state.assignments.values() if item.state in OPEN and item.moments]
    if state.signal.state == "resolved" and state.signal.moments:
        dues.append(state.signal.moments[0].due)
    return min(dues, default=None)


def close(draft: Draft, at: datetime, how: str) -> None:
    """Close the signal and what stands; unless it was withdrawn, the resolutions that stood now decide their stage."""
    for assignment in draft.standing():
        verdict = assignment.resolve if how == "withdrawn" else assignment.resolve or "met"
        # One closed without a word from the team can still be contested, and then its clocks never stopped.
        moments = assignment.moments if how == "unconfirmed" else ()
        ended = max(assignment.last_at, at)
        draft.change(assignment, state="closed", ended_at=ended, last_at=ended, resolve=verdict, moments=moments)
    draft.change_signal(state="closed", closed_at=at, how=how, moments=(), last_at=at)
    telling.closed(draft, at, how)


def _pass(draft: Draft, assignments: Iterable[AssignmentId], before: datetime) -> None:
    """One moment never changes which others come, so all are known at the start."""
    coming = [
        (moment.due, id_, moment)
        for id_ in assignments
        if draft.assignments[id_].state in OPEN
        for moment in draft.assignments[id_].moments
        if moment.due < before
    ]
    for due, id_, moment in sorted(coming, key=itemgetter(0, 1)):  # stable: those of one assignment keep their order
        current = draft.assignments[id_]
        later = draft.change(current, moments=current.moments[1:], last_at=max(current.last_at, due))
        _happen(draft, later, moment)


def _happen(draft: Draft, assignment: Assignment, moment: Moment) -> None:
    if moment.act != "deadline":
        telling.called(draft, assignment, moment)
        return
    if moment.stage == "acknowledge":
        draft.change(assignment, acknowledge="missed")
    elif assignment.resolve == "met":
        return  # closed without a word and contested since: what is decided once is not told otherwise
    else:
        draft.change(assignment, resolve="missed")
    telling.missed(draft, assignment, moment)


def _team_is_silent(draft: Draft, moment: Moment) -> None:
    """The team is reminded, and its stage is missed once, under each department whose work it was to judge."""
    for assignment in draft.standing():
        if assignment.confirm is None:
            draft.change(assignment, confirm="missed")
            telling.missed(draft, assignment, moment)
        telling.called(draft, assignment, Moment(moment.due, "confirm", "remind", draft.signal.team, rung=1))
