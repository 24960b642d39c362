"""An assignment told once more, byte for byte as it was first; pure.

The same id is the same event for ever (contract 1), so what is told again is the assignment as it was made, whatever
has happened since: an extension moved its date, a contest opened it again, the agreements changed. Nothing of that is
lost to the department: it stands in its inbox at the gateway, and came as events of its own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from services.ledger.state import OPEN, Assignment, Follow, State
from services.ledger.telling import assignment_told


def open_told(state: State, sources: Mapping[str, str]) -> Iterator[tuple[Assignment, Follow]]:
    """Each open assignment of a signal with the event that first told of it, to be sent to its department again.

    `sources` gives the loop's own source under each version of the agreements. The team is not told again: it has no
    work to do that it could have missed, and its own words stand in the ledger.
    """
    for assignment in state.assignments.values():
        if assignment.state in OPEN:
            made = assignment._replace(resolve_by=_first_told_date(state, assignment))
            follow = assignment_told(sources[assignment.agreements], state.signal, made)
            yield assignment, follow._replace(topics=follow.topics[:1])


def _first_told_date(state: State, assignment: Assignment) -> datetime:
    """The date that stood when it was made: its first one, or the one that its giver had when it was handed over."""
    if assignment.handed_over_from is None:
        return assignment.resolve_first
    givers = [
        other
        for other in state.assignments.values()
        if other.department == assignment.handed_over_from
        and other.handed_over_to == assignment.department
        and other.ended_at == assignment.assigned_at
    ]
    return max(givers, key=lambda giver: giver.round).resolve_by
