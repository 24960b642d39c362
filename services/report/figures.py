"""The honest figures of a group of waits: what was answered, what still waits, and what was kept of the promises.

Pure. `reference/waiting.md` says why an average of what was answered is not among them: it hides who still waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.ledger.single_waits import SingleWait


@dataclass(frozen=True, slots=True)
class Age:
    """How long one has waited so far, and whether that is longer than was promised."""

    seconds: float
    is_overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a group of waits comes to at one moment."""

    ages: tuple[Age, ...]  # of those who still wait, the longest first
    answered: tuple[float, ...]  # seconds until the answer, the shortest first
    promised: tuple[float, ...]  # seconds that were promised, of those who still wait and those who do not
    met: int
    missed: int  # decided as missed, and past its date without an answer

    @property
    def open(self) -> int:
        """How many still wait."""
        return len(self.ages)

    @property
    def overdue(self) -> int:
        """How many of those wait longer than was promised."""
        return sum(age.is_overdue for age in self.ages)

    @property
    def longest_seconds(self) -> float | None:
        """How long the longest of those waits; None when nobody does."""
        return self.ages[0].seconds if self.ages else None

    @property
    def decided(self) -> int:
        """How many promises were kept or broken, answered or not."""
        return self.met + self.missed

    @property
    def share_on_time(self) -> float | None:
        """Kept, of all that were kept or broken; who was never answered counts. None when there is none of these."""
        return self.met / self.decided if self.decided else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, was answered or was decided."""
        return not (self.ages or self.answered or self.decided)


def figures(waits: Iterable[SingleWait], now: datetime) -> Figures:
    """The figures of these waits at `now`."""
    ages: list[Age] = []
    answered: list[float] = []
    promised: list[float] = []
    met = missed = 0
    for wait in waits:
        if wait.since is not None:
            ages.append(Age(max(0.0, (now - wait.since).total_seconds()), wait.is_overdue))
        if wait.answered_seconds is not None:
            answered.append(wait.answered_seconds)
        if wait.promised_seconds is not None:
            promised.append(wait.promised_seconds)
        met += wait.verdict == "met"
        missed += wait.verdict == "missed" or wait.is_late
    return Figures(
        ages=tuple(sorted(ages, key=lambda age: (-age.seconds, not age.is_overdue))),
        answered=tuple(sorted(answered)),
        promised=tuple(sorted(promised)),
        met=met,
        missed=missed,
    )
