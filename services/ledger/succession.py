"""What becomes of the open assignments of a department whose code is retired (contract 2)."""

from datetime import datetime

from services.ledger import telling
from services.ledger.book import Book
from services.ledger.department_answers import pass_on
from services.ledger.draft import Draft
from services.ledger.lifecycle import Decision
from services.ledger.passing import pass_all
from services.ledger.state import Assignment, State
from services.ledger.transitions import RETIRED


def retire(state: State, at: datetime, book: Book) -> Decision:
    """Hand over every open assignment of a department that is retired at `at` to its heir, by the agreements in force.

    `until` may be named long after the assignment was made, and even for a day gone by; so it is no moment stored with
    the assignment, and the hand-over counts from `at` (aware UTC), when the loop comes to it: no earlier, or the heir
    would be late before it was told. What the department said until then holds. Every moment before `at` passes
    first. A hand-over by the loop counts towards no limit; repeated, it finds nothing to do.
    """
    if not any(_is_left(assignment, at, book) for assignment in state.assignments.values()):
        return Decision(state)
    draft = Draft.of(state, book)
    pass_all(draft, at)
    for assignment in draft.open():
        if _is_left(assignment, at, book):
            _inherit(draft, assignment, max(at, assignment.last_at))
    return Decision(draft.state(), tuple(draft.follows))


def _is_left(assignment: Assignment, at: datetime, book: Book) -> bool:
    return assignment.state in RETIRED and book.current.is_retired(assignment.department, at)


def _inherit(draft: Draft, assignment: Assignment, at: datetime) -> None:
    heir = draft.book.current.heir(assignment.department, at)
    telling.inherited(draft, assignment, heir, at)
    pass_on(draft, assignment, heir, at)
