"""Opening hours laid out on one line of integers, so that working time is added and measured by looking it up."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time

from services.agreements.opening import EPOCH, MICROSECOND, Opening

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""The years for which working time is known; a moment outside them is no moment of a real signal."""


@dataclass(frozen=True, slots=True)
class Table:
    """The open spans of some years in a row, in microseconds since the epoch (UTC), with sums of the time worked."""

    years: range
    start: int
    end: int
    opens: list[int] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)  # worked before the span opens
    after: list[int] = field(default_factory=list)  # worked when it closes
    days: list[date] = field(default_factory=list)
    day_opens: list[int] = field(default_factory=list)  # the first opening of a working day
    day_closes: list[int] = field(default_factory=list)  # its last closing

    def position(self, moment: int) -> int:
        """The time worked since the table's start."""
        span = bisect_right(self.opens, moment) - 1
        if span < 0:
            return 0
        return min(self.before[span] + moment - self.opens[span], self.after[span])

    def earliest(self, position: int) -> int:
        """The first moment at which so much has been worked."""
        span = bisect_left(self.after, position)
        return self.opens[span] + position - self.before[span]

    def latest(self, position: int) -> int:
        """The last moment before more has been worked: in a pause, its end."""
        span = bisect_right(self.before, position) - 1
        return self.opens[span] + position - self.before[span]

    def day(self, moment: int) -> int:
        """The number of the last working day that has opened at `moment`; -1 when none has."""
        return bisect_right(self.day_opens, moment) - 1


class Timeline:
    """The tables of one calendar; years are added when a moment asks for them, and never change."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._table: Table | None = None

    def covering(self, moment: int) -> Table:
        """A table with `moment` in it and at least a year on either side."""
        table = self._table
        if table is None or not table.start <= moment < table.end:
            year = (EPOCH + moment * MICROSECOND).year
            table = self._grown(range(year - 1, year + 2))
        return table

    def earlier(self, table: Table) -> Table:
        """A table that begins a year before."""
        return self._grown(range(table.years.start - 1, table.years.stop))

    def later(self, table: Table) -> Table:
        """A table that ends a year after."""
        return self._grown(range(table.years.start, table.years.stop + 1))

    def _grown(self, years: range) -> Table:
        known = self._table.years if self._table else years
        wanted = range(min(years.start, known.start), max(years.stop, known.stop))
        if wanted.start < FIRST_YEAR or wanted.stop > LAST_YEAR + 1:
            raise ValueError(f"working time is known from {FIRST_YEAR} to {LAST_YEAR} only")
        self._table = _table(self._opening, wanted)
        return self._table


def _table(opening: Opening, years: range) -> Table:
    table = Table(years, _new_year(opening, years.start), _new_year(opening, years.stop))
    worked = 0
    for day, spans in (found for year in years for found in opening.days(year)):
        table.days.append(day)
        table.day_opens.append(spans[0][0])
        table.day_closes.append(spans[-1][1])
        worked = _append(table, spans, worked)
    return table


def _append(table: Table, spans: Iterable[tuple[int, int]], worked: int) -> int:
    for opens, closes in spans:
        table.opens.append(opens)
        table.closes.append(closes)
        table.before.append(worked)
        worked += closes - opens
        table.after.append(worked)
    return worked


def _new_year(opening: Opening, year: int) -> int:
    return (datetime.combine(date(year, 1, 1), time(), opening.timezone) - EPOCH) // MICROSECOND
