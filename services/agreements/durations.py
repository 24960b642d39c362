"""Durations as people promise them: `2 working days`, `10 weeks`."""

import re
from dataclasses import dataclass
from typing import Literal, cast

Unit = Literal["seconds", "minutes", "hours", "days", "weeks"]

MICROSECONDS: dict[Unit, int] = {
    "seconds": 1_000_000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "days": 86_400_000_000,
    "weeks": 604_800_000_000,
}
"""How long a unit lasts on a day without a clock change."""

LONGEST = 20 * 366 * MICROSECONDS["days"]
"""Twenty years: no promise is longer, and a mistyped amount is seen when the file is read."""

_FORM = re.compile(r"(?P<amount>\d+) +(?P<working>working +)?(?P<unit>second|minute|hour|day|week)s?", re.ASCII)
_WORKING_UNITS = ("hours", "days")
HOW = "write for example `4 hours`, `7 days`, `10 weeks`, `4 working hours` or `2 working days`"


@dataclass(frozen=True, slots=True)
class Duration:
    """An amount of one unit: on the clock of the wall, or of working time (hours and days only)."""

    amount: int
    unit: Unit
    working: bool = False

    def __str__(self) -> str:
        return f"{self.amount} {'working ' if self.working else ''}{self.unit}"

    @property
    def microseconds(self) -> int:
        """The length on a day without a clock change; a working day counts as a whole day."""
        return self.amount * MICROSECONDS[self.unit]


def parse(text: str) -> Duration:
    """The duration that `text` names; ValueError says what to write instead."""
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no duration; {HOW}")
    duration = Duration(int(found["amount"]), cast("Unit", f"{found['unit']}s"), working=bool(found["working"]))
    if duration.working and duration.unit not in _WORKING_UNITS:
        raise ValueError(f"working time is counted in hours or days, not in {duration.unit}; {HOW}")
    if duration.amount == 0:
        raise ValueError("a duration is at least 1; nobody can answer within nothing")
    if duration.microseconds > LONGEST:
        raise ValueError(f"{text!r} is more than twenty years; is the amount right?")
    return duration
