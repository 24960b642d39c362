"""A department's calendar: terms on the wall clock and in working time, added, taken back and measured, exactly.

Rules (integers of microseconds throughout, no rounding):

- **Seconds, minutes, hours** are elapsed time; a clock change neither lengthens nor shortens them.
- **Days and weeks** keep the local time of day. A term that ends on a Saturday, Sunday or recognised holiday ends with
  the next day that is none of these (Algemene termijnenwet), whatever the calendar's own hours: at the local midnight
  that ends that day, just as an office day ends at its closing time. A term that ends at midnight ends with the day
  before it. The calendar's `closed` days are no recognised holidays and do not move such a term.
- **Working hours** are the time during which the clock on the wall stands within opening hours; a term ends at the
  first moment at which so much has been worked: 4 working hours from 13:00 end at 17:00, not at 09:00 the next day.
- **Working days**: N working days from a moment in a working day end at the same local time of the Nth working day
  after it (in a shorter day: not after its closing, not before its opening), as towns count: the day of receipt does
  not count. What comes outside the hours gets the next N whole working days and ends with the closing of the last.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from services.agreements.durations import Duration
from services.agreements.holidays import recognised
from services.agreements.opening import EPOCH, MICROSECOND, Opening
from services.agreements.timeline import Table, Timeline

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a department works."""

    name: str
    opening: Opening
    _timeline: Timeline = field(init=False, repr=False, compare=False)
    _holidays: dict[int, frozenset[date]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_timeline", Timeline(self.opening))

    def day_of(self, moment: datetime) -> date:
        """The local day on which `moment` falls."""
        return moment.astimezone(self.opening.timezone).date()

    def add(self, moment: datetime, duration: Duration) -> datetime:
        """The end of the term `duration` that starts at `moment` (aware); answered in UTC."""
        if not duration.working:
            return self._wall(moment, duration)
        if duration.unit == "hours":
            return self._forward(moment, duration.microseconds)
        return self._working_days_on(moment, duration.amount)

    def back(self, moment: datetime, duration: Duration) -> datetime:
        """The moment that lies `duration` before `moment` (aware); answered in UTC.

        It is no term, so no weekend moves it; in working time it is the last moment with so much still to work.
        """
        if duration.working:
            if duration.unit == "hours":
                return self._backward(moment, duration.microseconds)
            return self._working_days_back(moment, duration.amount)
        if duration.unit in ("days", "weeks"):
            return self._local(moment, -timedelta(microseconds=duration.microseconds))
        return moment.astimezone(UTC) - timedelta(microseconds=duration.microseconds)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from `start` to `end` (aware); negative when `end` lies before `start`."""
        first, last = _number(start), _number(end)
        if last < first:
            return -self.between(end, start)
        self._timeline.covering(first)
        table = self._timeline.covering(last)
        return (table.position(last) - table.position(first)) * MICROSECOND

    def share(self, start: datetime, end: datetime, percent: int, *, working: bool) -> datetime:
        """The moment at which `percent` of the time from `start` to `end` has gone by, in working or elapsed time.

        Where nothing is worked between them, elapsed time counts.
        """
        worked = self.between(start, end) // MICROSECOND if working else 0
        if worked:
            return self._forward(start, worked * percent // 100)
        first = _number(start)
        return _moment(first + (_number(end) - first) * percent // 100)

    def _wall(self, moment: datetime, duration: Duration) -> datetime:
        if duration.unit in ("days", "weeks"):
            return self._end_of_term(self._local(moment, timedelta(microseconds=duration.microseconds)))
        return moment.astimezone(UTC) + timedelta(microseconds=duration.microseconds)

    def _local(self, moment: datetime, change: timedelta) -> datetime:
        """Whole days on the wall clock: the same local time; one that the clock skips is an hour later."""
        local = moment.astimezone(self.opening.timezone)
        return (local + change).replace(fold=0).astimezone(UTC)

    def _end_of_term(self, moment: datetime) -> datetime:
        local = moment.astimezone(self.opening.timezone)
        day = local.date() if local.time() != time() else local.date() - _ONE_DAY
        if self._is_term_day(day):
            return moment
        while not self._is_term_day(day):
            day += _ONE_DAY
        return datetime.combine(day + _ONE_DAY, time(), self.opening.timezone).astimezone(UTC)

    def _is_term_day(self, day: date) -> bool:
        """Whether a term may end on this day: no Saturday, Sunday or recognised holiday."""
        if day.weekday() >= _SATURDAY:
            return False
        if day.year not in self._holidays:
            self._holidays[day.year] = recognised(day.year)
        return day not in self._holidays[day.year]

    def _forward(self, moment: datetime, amount: int) -> datetime:
        if amount == 0:
            return moment.astimezone(UTC)
        number = _number(moment)
        table = self._timeline.covering(number)
        while not table.after or (position := table.position(number) + amount) > table.after[-1]:
            table = self._timeline.later(table)
        return _moment(table.earliest(position))

    def _backward(self, moment: datetime, amount: int) -> datetime:
        number = _number(moment)
        table = self._timeline.covering(number)
        while (position := table.position(number) - amount) < 0 or not table.before:
            table = self._timeline.earlier(table)
        return _moment(table.latest(position))

    def _working_days_on(self, moment: datetime, amount: int) -> datetime:
        number = _number(moment)
        table = self._timeline.covering(number)
        while (day := table.day(number)) < 0:
            table = self._timeline.earlier(table)
        while day + amount >= len(table.days):
            table = self._timeline.later(table)
        if number > table.day_closes[day]:  # outside the hours: the next working days, whole
            return _moment(table.day_closes[day + amount])
        return self._same_time(moment, table, day + amount)

    def _working_days_back(self, moment: datetime, amount: int) -> datetime:
        number = _number(moment)
        table = self._timeline.covering(number)
        while (day := table.day(number)) < 0:
            table = self._timeline.earlier(table)
        outside = number > table.day_closes[day]
        while day - amount + outside < 0:
            table = self._timeline.earlier(table)
            day = table.day(number)
        if outside:  # mirrored: the working days before, whole
            return _moment(table.day_opens[day - amount + 1])
        return self._same_time(moment, table, day - amount)

    def _same_time(self, moment: datetime, table: Table, day: int) -> datetime:
        """The local time of `moment` on a working day, not before its opening and not after its closing."""
        zone = self.opening.timezone
        number = _number(datetime.combine(table.days[day], moment.astimezone(zone).time(), zone))
        return _moment(min(max(number, table.day_opens[day]), table.day_closes[day]))


def _number(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _moment(number: int) -> datetime:
    return EPOCH + number * MICROSECOND
