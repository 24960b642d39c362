"""Moments that pass because nobody answered: reminders, rungs, deadlines, silence, and a team that stays silent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from events.identifiers import AssignmentId
from services.ledger import telling
from services.ledger.assigning import without
from services.ledger.draft import Draft
from services.ledger.state import OPEN, Assignment, Moment, State
from services.ledger.transitions import ASSIGNMENT_MOMENTS, SIGNAL_MOMENTS, name_of


@dataclass(frozen=True, slots=True)
class _Coming:
    """A moment of the team's stage: the signal's own, or a rung of the ladder of one assignment."""

    moment: Moment
    of: AssignmentId | None = None

    @property
    def order(self) -> tuple[datetime, int, str, int]:
        """At one moment the deadline is decided before the rungs that answer it, and only then all is closed."""
        rank = {"deadline": 0, "close": 2}.get(self.moment.act, 1)
        return self.moment.due, rank, str(self.of or ""), self.moment.rung


def pass_assignment(draft: Draft, assignment: AssignmentId, before: datetime) -> None:
    """Let every moment of the assignment that lies before `before` happen, the first first, each at its own time.

    A moment at exactly `before` does not pass: an answer at the deadline is in time.
    """
    _pass(draft, [assignment], before)


def pass_signal(draft: Draft, before: datetime) -> None:
    """Let the moments of the team's stage that lie before `before` happen, the rungs of every department among them."""
    if draft.signal.state != "resolved":
        return
    coming = [item for item in _of_team(draft.state()) if item.moment.due < before]
    for item in sorted(coming, key=lambda item: item.order):
        if name_of(item.moment) not in SIGNAL_MOMENTS[draft.signal.state]:
            return  # closed meanwhile: nobody is waited for any more
        _pass_team(draft, item)


def pass_all(draft: Draft, before: datetime) -> None:
    """Let every moment of the signal and its assignments that lies before `before` happen."""
    _pass(draft, draft.assignments, before)
    pass_signal(draft, before)


def next_moment(state: State) -> datetime | None:
    """When this signal next needs the timekeeper, or None when nothing is to come."""
    dues = [item.moments[0].due for item in state.assignments.values() if item.state in OPEN and item.moments]
    if state.signal.state == "resolved":
        dues += [item.moment.due for item in _of_team(state)]
    return min(dues, default=None)


def close(draft: Draft, at: datetime, how: str) -> None:
    """Close the signal and what stands; unless it was withdrawn, the resolutions that stood now decide their stage."""
    for assignment in draft.standing():
        verdict = assignment.resolve if how == "withdrawn" else assignment.resolve or "met"
        # One closed without a word from the team can still be contested, and then its clocks never stopped.
        moments = without(assignment.moments, "confirm") if how == "unconfirmed" else ()
        ended = max(assignment.last_at, at)
        stood_at = assignment.stood_at or (assignment.resolved_at if verdict else None)
        draft.change(
            assignment,
            state="closed",
            ended_at=ended,
            last_at=ended,
            stood_at=stood_at,
            resolve=verdict,
            moments=moments,
        )
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
        if name_of(moment) in ASSIGNMENT_MOMENTS[current.state]:
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


def _of_team(state: State) -> Iterator[_Coming]:
    """Every moment of the team's stage that is still to come: its own, and the rungs on the resolved assignments."""
    for moment in state.signal.moments:
        yield _Coming(moment)
    for assignment in state.assignments.values():
        for moment in assignment.moments:
            if name_of(moment) in ASSIGNMENT_MOMENTS[assignment.state]:
                yield _Coming(moment, assignment.id)


def _pass_team(draft: Draft, item: _Coming) -> None:
    moment = item.moment
    draft.change_signal(last_at=max(draft.signal.last_at, moment.due))
    if item.of is not None:
        current = draft.assignments[item.of]
        left = tuple(other for other in current.moments if other is not moment)
        telling.called(draft, draft.change(current, moments=left, last_at=max(current.last_at, moment.due)), moment)
        return
    draft.change_signal(moments=draft.signal.moments[1:])
    if moment.act == "close":
        close(draft, moment.due, "unconfirmed")
    else:
        _team_is_silent(draft, moment)


def _team_is_silent(draft: Draft, moment: Moment) -> None:
    """The team is reminded, and its stage is missed once, under each department whose work it was to judge."""
    reminder = Moment(moment.due, "confirm", "remind", draft.signal.team, rung=1)
    for assignment in draft.standing():
        if assignment.confirm is None:
            draft.change(assignment, confirm="missed")
            telling.missed(draft, assignment, moment)
        if not any(_same_call(other, reminder) for other in assignment.moments):
            telling.called(draft, assignment, reminder)


def _same_call(rung: Moment, reminder: Moment) -> bool:
    """Whether a rung of the ladder reminds the team at this very moment: then it hears it once, from the ladder."""
    return (rung.due, rung.stage, rung.act, rung.to) == (reminder.due, reminder.stage, reminder.act, reminder.to)
