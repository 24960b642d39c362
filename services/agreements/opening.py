"""Which hours of one day are open, in UTC: a calendar's week, its holidays and both clock changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.agreements.holidays import recognised

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000
DAY = 86_400_000_000

Period = tuple[int, int]
"""From and until, in minutes since local midnight; 1440 is the midnight that ends the day."""


@dataclass(frozen=True, slots=True)
class Opening:
    """When work is done: per weekday (Monday first) its periods in order, and the days on which nobody works."""

    timezone: ZoneInfo
    week: tuple[tuple[Period, ...], ...]
    holidays: bool = False  # whether nobody works on recognised holidays
    closed: frozenset[date] = frozenset()

    def days(self, year: int) -> Iterator[tuple[date, list[tuple[int, int]]]]:
        """The days of a year on which work is done, each with its open periods in microseconds since the epoch, UTC."""
        closed = self.closed | recognised(year) if self.holidays else self.closed
        day, offset = date(year, 1, 1), self.offset(date(year, 1, 1))
        while day.year == year:
            after = day + timedelta(days=1)
            offset_after = self.offset(after)
            periods = self.week[day.weekday()]
            if periods and day not in closed and (spans := _spans(self._segments(day, offset, offset_after), periods)):
                yield day, spans
            day, offset = after, offset_after

    def offset(self, day: date) -> int:
        """How far local time is ahead of UTC at the midnight that begins `day`, in microseconds."""
        return self._offset_at(datetime.combine(day, time(), self.timezone))

    def _segments(self, day: date, offset: int, offset_after: int) -> list[tuple[int, int, int]]:
        """The day in pieces of one offset: from, until (since local midnight) and where local midnight lies in UTC."""
        midnight = _microseconds(day)
        if offset == offset_after:
            return [(0, DAY, midnight - offset)]
        change = self._change(midnight - offset, midnight + DAY - offset_after, offset)
        before, after = midnight - offset, midnight - offset_after
        return [(0, change - before, before), (change - after, DAY, after)]

    def _change(self, low: int, high: int, offset: int) -> int:
        """The moment between `low` and `high` at which the clock leaves `offset`; clocks change at a whole minute."""
        while high - low > MINUTE:
            middle = low + (high - low) // MINUTE // 2 * MINUTE
            same = self._offset_at((EPOCH + middle * MICROSECOND).astimezone(self.timezone)) == offset
            low, high = (middle, high) if same else (low, middle)
        return high

    @staticmethod
    def _offset_at(moment: datetime) -> int:
        return (moment.utcoffset() or timedelta()) // MICROSECOND


def _spans(segments: list[tuple[int, int, int]], periods: tuple[Period, ...]) -> list[tuple[int, int]]:
    """Open exactly while the clock on the wall stands in a period: an hour that comes twice counts twice."""
    return [
        (midnight + begin, midnight + end)
        for first, last, midnight in segments
        for opens, closes in periods
        if (begin := max(first, opens * MINUTE)) < (end := min(last, closes * MINUTE))
    ]


def _microseconds(day: date) -> int:
    return (datetime.combine(day, time(), UTC) - EPOCH) // MICROSECOND
