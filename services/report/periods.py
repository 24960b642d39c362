"""Promises kept and broken, by the period in which that was decided; empty periods are there too. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from events.moments import AMSTERDAM
from services.ledger.single_waits import SingleWait

PERIODS_MAX = 24
MONTHS = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Period:
    """How many promises were kept and broken from `start` (UTC) until the next period."""

    start: datetime
    met: int
    missed: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A length of time in Amsterdam's calendar; what goes in and comes out is UTC, in which no hour comes twice."""

    name: str  # after "per"
    floor: Callable[[datetime], datetime]
    next: Callable[[datetime], datetime]
    mark: Callable[[datetime], str]


def periods(waits: Iterable[SingleWait], unit: Unit, first: datetime, last: datetime) -> list[Period]:
    """The periods from the one that holds `first` to the one that holds `last`."""
    met: Counter[datetime] = Counter()
    missed: Counter[datetime] = Counter()
    for wait in waits:
        if wait.decided_at is not None:
            count = met if wait.verdict == "met" else missed
            count[unit.floor(wait.decided_at)] += 1
    return [Period(start, met[start], missed[start]) for start in _starts(unit, first, last)]


def unit_for(first: datetime, last: datetime, most: int = PERIODS_MAX) -> Unit:
    """The shortest unit of which at most `most` periods hold both moments; the longest when none does."""
    return next((unit for unit in UNITS if len(_starts(unit, first, last, most + 1)) <= most), UNITS[-1])


def _starts(unit: Unit, first: datetime, last: datetime, most: int = 1_000) -> Sequence[datetime]:
    start, found = unit.floor(first), list[datetime]()
    while start <= last and len(found) < most:
        found.append(start)
        start = unit.next(start)
    return found


def _clock(minutes: int, name: str) -> Unit:
    """An hour, or a part of one."""
    span = timedelta(minutes=minutes)

    def floor(moment: datetime) -> datetime:
        whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
        return whole - timedelta(minutes=whole.minute % minutes)

    return Unit(name, floor, lambda start: start + span, lambda start: f"{start.astimezone(AMSTERDAM):%H:%M}")


def _local(moment: datetime) -> date:
    return moment.astimezone(AMSTERDAM).date()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM).astimezone(UTC)


def _days(count: int, name: str) -> Unit:
    """A day, or a week that begins on Monday."""

    def floor(moment: datetime) -> datetime:
        day = _local(moment)
        return _midnight(day - timedelta(days=day.weekday() if count > 1 else 0))

    def mark(start: datetime) -> str:
        return f"{_local(start).day} {MONTHS[_local(start).month - 1]}"

    return Unit(name, floor, lambda start: _midnight(_local(start) + timedelta(days=count)), mark)


def _months(count: int, name: str, mark: Callable[[date], str]) -> Unit:
    def number(moment: datetime) -> int:
        return _local(moment).year * 12 + _local(moment).month - 1

    def at(months: int) -> datetime:
        return _midnight(date(months // 12, months % 12 + 1, 1))

    return Unit(
        name,
        lambda moment: at(number(moment) // count * count),
        lambda start: at(number(start) + count),
        lambda start: mark(_local(start)),
    )


UNITS: tuple[Unit, ...] = (
    _clock(1, "minuut"),
    _clock(5, "5 minuten"),
    _clock(15, "kwartier"),
    _clock(60, "uur"),
    _days(1, "dag"),
    _days(7, "week"),
    _months(1, "maand", lambda day: f"{MONTHS[day.month - 1]} {day.year}"),
    _months(3, "kwartaal", lambda day: f"{day.year} kw {(day.month + 2) // 3}"),
    _months(12, "jaar", lambda day: f"{day.year}"),
)
"""The shortest first."""
