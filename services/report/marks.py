"""Who still waits as marks stacked by age, with few enough of them to draw: a mark may stand for several. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from services.report.figures import Age

COLUMNS = 56
"""Places beside each other along the axis of ages."""
LOW, HIGH = 5, 14
"""Marks on top of each other at most: where many departments stand below each other, and where few do."""
FEW = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in column `column` (from 0), the `level`th from below (from 0)."""

    column: int
    level: int
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Stacks:
    """How many wait in each column: past their promise, and not."""

    overdue: Sequence[int]
    in_time: Sequence[int]


def stacks(ages: Iterable[Age], end_seconds: float) -> Stacks:
    """The ages in columns between 0 and `end_seconds`."""
    found = Counter((min(int(age.seconds / end_seconds * COLUMNS), COLUMNS - 1), age.is_overdue) for age in ages)
    return Stacks(
        [found[number, True] for number in range(COLUMNS)], [found[number, False] for number in range(COLUMNS)]
    )


def levels(groups: Sequence[Stacks]) -> int:
    """How many marks may stand on top of each other."""
    return HIGH if len(groups) <= FEW else LOW


def per_mark(groups: Sequence[Stacks]) -> int:
    """For how many a mark must stand so that every stack fits; 1 wherever it can, else 2, 5, 10, …."""
    most, size = levels(groups), 1
    while any(sum(_heights(group, number, size)) > most for group in groups for number in range(COLUMNS)):
        size = _next(size)
    return size


def marks(group: Stacks, size: int) -> list[Mark]:
    """The marks, when each stands for at most `size`; those past their promise stand below."""
    found = []
    for column in range(COLUMNS):
        overdue, in_time = _heights(group, column, size)
        found += [Mark(column, level, level < overdue) for level in range(overdue + in_time)]
    return found


def _heights(group: Stacks, column: int, size: int) -> tuple[int, int]:
    return ceil(group.overdue[column] / size), ceil(group.in_time[column] / size)


def _next(size: int) -> int:
    digits = str(size)
    zeros: int = 10 ** (len(digits) - 1)
    return {"1": 2, "2": 5, "5": 10}[digits[0]] * zeros
