"""The working copy of a signal while one happening is applied to it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.identifiers import AssignmentId
from events.outcomes import RefusalCode
from services.ledger.book import Book
from services.ledger.state import OPEN, Assignment, Follow, Signal, State


class Refusal(Exception):  # noqa: N818 - the word of contract 1.4
    """An answer that cannot be: a code for programs, a sentence for people."""

    def __init__(self, code: RefusalCode, explanation: str) -> None:
        self.code: RefusalCode = code
        self.explanation = explanation
        super().__init__(f"{code}: {explanation}")


class Repeated(Exception):  # noqa: N818 - it is no error
    """An answer that already holds: it changes nothing."""


@dataclass(slots=True)
class Draft:
    """A signal, its assignments, and what is to be told; handlers check first and change afterwards."""

    signal: Signal
    assignments: dict[AssignmentId, Assignment]
    book: Book
    follows: list[Follow] = field(default_factory=list)

    @classmethod
    def of(cls, state: State, book: Book) -> "Draft":
        """A working copy of `state`."""
        return cls(state.signal, dict(state.assignments), book)

    def state(self) -> State:
        """The state as it now is."""
        return State(self.signal, self.assignments)

    def change(self, assignment: Assignment, **changes: Any) -> Assignment:
        """Replace fields of one assignment."""
        changed = assignment._replace(**changes)
        self.assignments[assignment.id] = changed
        return changed

    def change_signal(self, **changes: Any) -> None:
        """Replace fields of the signal."""
        self.signal = self.signal._replace(**changes)

    def standing(self) -> list[Assignment]:
        """The assignments that were not handed over: those on which the signal depends."""
        return [assignment for assignment in self.assignments.values() if assignment.state != "handed-over"]

    def open(self) -> list[Assignment]:
        """The assignments that still wait for their department."""
        return [assignment for assignment in self.assignments.values() if assignment.state in OPEN]

    def contests(self) -> int:
        """How often work was contested: no two proposals or closings of a signal happen at one such count."""
        return sum(assignment.contested for assignment in self.assignments.values())

    def latest(self) -> datetime:
        """The last moment of the signal and of all its assignments."""
        return max([self.signal.last_at, *(assignment.last_at for assignment in self.assignments.values())])
