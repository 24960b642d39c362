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

from services.agreements.durations import MICROSECONDS, Duration
from services.agreements.holidays import recognised
from services.agreements.opening import EPOCH, MICROSECOND, Opening
from services.agreements.timeline import Timeline

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
        raise NotImplementedError

    def share(self, start: datetime, end: datetime, percent: int, *, working: bool) -> datetime:
        """The moment at which `percent` of the time from `start` to `end` has gone by, in working or elapsed time."""
        raise NotImplementedError
