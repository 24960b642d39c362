"""Towns to write about."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from events.outcomes import Stage
from services.ledger.single_waits import SingleWait
from services.report.town import Town

NOW = datetime(2026, 11, 24, 9, 27, tzinfo=UTC)
DAY = timedelta(days=1)
STAGES: tuple[tuple[Stage, timedelta], ...] = (("acknowledge", 2 * DAY), ("resolve", 70 * DAY))

MakeTown = Callable[[int, int], Town]


def waits_of(department: str, chance: random.Random) -> list[SingleWait]:
    """One assignment's two waits: answered in time or late, or never."""
    start = NOW - chance.random() * 300 * DAY
    found = []
    for stage, promise in STAGES:
        answered = start + promise * chance.expovariate(1.5)
        due, seconds = start + promise, promise.total_seconds()
        if answered <= NOW and chance.random() < 0.9:
            in_time = answered <= due
            verdict = "met" if in_time else "missed"
            took = (answered - start).total_seconds()
            at = answered if in_time else due
            found.append(SingleWait(department, stage, None, took, seconds, False, False, verdict, at))
        else:
            late = due < NOW
            decided = ("missed", due) if late else (None, None)
            found.append(SingleWait(department, stage, start, None, seconds, late, False, *decided))
    return found


@pytest.fixture
def make_town() -> MakeTown:
    """A town of so many departments and assignments."""

    def make(departments: int, assignments: int) -> Town:
        chance = random.Random(1)  # noqa: S311 - a seed makes the town repeatable
        codes = [f"d{number}" for number in range(departments)]
        waits = [wait for _ in range(assignments) for wait in waits_of(chance.choice(codes), chance)]
        names = {code: f"Afdeling {code}" for code in codes}
        return Town(name="Voorbeeldstad", code="GM9999", departments=names, at=NOW, waits=waits)

    return make
