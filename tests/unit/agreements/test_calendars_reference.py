"""Calendars against a reference that walks minute by minute and day by day, over ten years of random moments."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.agreements.calendars import Calendar
from services.agreements.durations import Duration
from services.agreements.opening import Opening, Period

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MINUTE = timedelta(minutes=1)
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2029, 12, 1, tzinfo=UTC)
CLOCK_CHANGES = [datetime(year, month, 25, tzinfo=UTC) for year in range(2020, 2030) for month in (3, 10)]
KINGS_SUNDAYS = (2025,)  # years between 2020 and 2029 in which 27 April is a Sunday


@cache
def holidays(year: int) -> frozenset[date]:
    """The law's list from the rule of Easter (Butcher), independent of any library."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    rest = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    month, day = divmod(h + rest - 7 * ((a + 11 * h + 22 * rest) // 451) + 114, 31)
    easter = date(year, month, day + 1)
    moving = (easter + timedelta(days=days) for days in (-2, 0, 1, 39, 49, 50))
    king = date(year, 4, 26 if year in KINGS_SUNDAYS else 27)
    fixed = (date(year, 1, 1), king, date(year, 5, 5), date(year, 12, 25), date(year, 12, 26))
    return frozenset([*moving, *fixed])


def periods_of(opening: Opening, day: date) -> tuple[Period, ...]:
    free = day in opening.closed or (opening.holidays and day in holidays(day.year))
    return () if free else opening.week[day.weekday()]


def is_open(opening: Opening, minute: datetime) -> bool:
    local = minute.astimezone(AMSTERDAM)
    clock = local.hour * 60 + local.minute
    return any(opens <= clock < closes for opens, closes in periods_of(opening, local.date()))


def walked_forward(opening: Opening, start: datetime, minutes: int) -> datetime:
    while minutes:
        minutes -= is_open(opening, start)
        start += MINUTE
    return start


def walked_between(opening: Opening, start: datetime, end: datetime) -> timedelta:
    count = 0
    while start < end:
        count += is_open(opening, start)
        start += MINUTE
    return count * MINUTE


def hours_of(opening: Opening, day: date) -> list[tuple[datetime, datetime]]:
    """From and until, in UTC; a period that falls into the hour which the clock skips is none."""
    periods = [(local(day, opens), closing(day, closes)) for opens, closes in periods_of(opening, day)]
    return [(opens, closes) for opens, closes in periods if opens < closes]


def working_days(opening: Opening, after: date) -> Iterator[date]:
    while True:
        after += timedelta(days=1)
        if hours_of(opening, after):
            yield after


def wall_time(day: date, minutes: int) -> datetime:
    days, rest = divmod(minutes, 1440)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), AMSTERDAM)


def local(day: date, minutes: int) -> datetime:
    """The first moment at which the clock on the wall stands there, or beyond it when the clock skips it."""
    wall = wall_time(day, minutes)
    moment = wall.astimezone(UTC)
    while (moment - MINUTE).astimezone(AMSTERDAM).replace(tzinfo=None) >= wall.replace(tzinfo=None):
        moment -= MINUTE
    return moment


def closing(day: date, minutes: int) -> datetime:
    """As `local`; the last of two when the minute before it comes twice."""
    moment = wall_time(day, minutes).replace(fold=1).astimezone(UTC)
    last = (moment - MINUTE).astimezone(AMSTERDAM).replace(tzinfo=None)
    return moment if last == wall_time(day, minutes - 1).replace(tzinfo=None) else local(day, minutes)


def counted_days(opening: Opening, start: datetime, amount: int) -> datetime:
    """The rule as it is told: within the hours the same time, outside them whole days."""
    wall = start.astimezone(AMSTERDAM)
    today = hours_of(opening, wall.date())
    inside = bool(today) and today[0][0] <= start <= max(closes for _, closes in today)
    before_opening = bool(today) and start < today[0][0]
    days = working_days(opening, wall.date() - timedelta(days=1) if before_opening else wall.date())
    last = [next(days) for _ in range(amount)][-1]
    hours = hours_of(opening, last)
    first_open, last_close = hours[0][0], max(closes for _, closes in hours)
    if not inside:
        return last_close
    same = datetime.combine(last, wall.time(), AMSTERDAM).astimezone(UTC)
    return min(max(same, first_open), last_close)


@st.composite
def weeks(draw: st.DrawFn) -> tuple[tuple[Period, ...], ...]:
    bounds = st.lists(st.integers(0, 96), min_size=0, max_size=6, unique=True).map(sorted)
    days = [draw(bounds) for _ in range(7)]
    week = [tuple((a * 15, b * 15) for a, b in zip(day[::2], day[1::2], strict=False)) for day in days]
    week[draw(st.integers(0, 4))] = ((9 * 60, 12 * 60 + 30), (13 * 60, 17 * 60))  # at least one day is open
    return tuple(week)


ALWAYS = (((0, 1440),),) * 7
OFFICE = (((9 * 60, 12 * 60 + 30), (13 * 60, 17 * 60)),) * 5 + ((), ())
minutes_ = st.one_of(
    st.integers(0, int((LAST - FIRST) / MINUTE)).map(lambda number: FIRST + number * MINUTE),
    st.builds(lambda day, number: day + number * MINUTE, st.sampled_from(CLOCK_CHANGES), st.integers(0, 7 * 1440)),
)
moments = st.builds(lambda minute, extra: minute + timedelta(microseconds=extra), minutes_, st.integers(0, 59_999_999))
days_ = st.dates(FIRST.date(), LAST.date())
openings = st.builds(
    Opening,
    timezone=st.just(AMSTERDAM),
    week=st.one_of(weeks(), st.just(OFFICE), st.just(ALWAYS)),
    holidays=st.booleans(),
    closed=st.frozensets(days_, max_size=5),
)
calendars = openings.map(lambda opening: Calendar("any", opening))
office = st.booleans().map(lambda free: Calendar("office", Opening(AMSTERDAM, OFFICE, holidays=free)))
slow = settings(max_examples=100, deadline=None)
quick = settings(max_examples=300, deadline=None)


@slow
@given(calendars, minutes_, st.integers(1, 60))
def test_working_hours_end_where_a_walk_by_the_minute_ends(calendar: Calendar, start: datetime, hours: int) -> None:
    duration = Duration(hours, "hours", working=True)
    assert calendar.add(start, duration) == walked_forward(calendar.opening, start, hours * 60)


@slow
@given(calendars, minutes_, st.integers(0, 20 * 1440))
def test_working_time_is_what_a_walk_by_the_minute_counts(calendar: Calendar, start: datetime, minutes: int) -> None:
    end = start + minutes * MINUTE
    assert calendar.between(start, end) == walked_between(calendar.opening, start, end)


@quick
@given(calendars, moments, st.integers(1, 400))
def test_what_was_added_is_what_is_measured_to_the_microsecond(calendar: Calendar, start: datetime, hours: int) -> None:
    duration = Duration(hours, "hours", working=True)
    end = calendar.add(start, duration)
    assert calendar.between(start, end) == timedelta(hours=hours)
    assert calendar.between(start, end - timedelta(microseconds=1)) < timedelta(hours=hours)


@quick
@given(calendars, moments, st.integers(1, 400))
def test_what_is_taken_back_is_what_is_measured_to_the_microsecond(
    calendar: Calendar, end: datetime, hours: int
) -> None:
    start = calendar.back(end, Duration(hours, "hours", working=True))
    assert calendar.between(start, end) == timedelta(hours=hours)
    assert calendar.between(start + timedelta(microseconds=1), end) < timedelta(hours=hours)


@quick
@given(calendars, moments, moments, moments)
def test_working_time_adds_up_over_any_three_moments(
    calendar: Calendar, one: datetime, two: datetime, three: datetime
) -> None:
    assert calendar.between(one, two) + calendar.between(two, three) == calendar.between(one, three)


@quick
@given(calendars, moments, st.integers(1, 30))
def test_working_days_end_where_a_count_by_the_day_ends(calendar: Calendar, start: datetime, amount: int) -> None:
    duration = Duration(amount, "days", working=True)
    assert calendar.add(start, duration) == counted_days(calendar.opening, start, amount)


@quick
@given(office, moments, moments, st.integers(1, 30), st.sampled_from(["hours", "days"]))
def test_who_starts_later_never_has_to_end_sooner(
    calendar: Calendar, one: datetime, two: datetime, amount: int, unit: str
) -> None:
    duration = Duration(amount, unit, working=True)  # type: ignore[arg-type]  # sampled from the units
    early, late = sorted([one, two])
    assert calendar.add(early, duration) <= calendar.add(late, duration)


@quick
@given(office, moments, st.integers(1, 30))
def test_working_days_are_as_long_as_the_hours_of_as_many_days(
    calendar: Calendar, start: datetime, amount: int
) -> None:
    end = calendar.add(start, Duration(amount, "days", working=True))
    assert calendar.between(start, end) == amount * timedelta(hours=7, minutes=30)


@quick
@given(moments, st.integers(1, 400), st.sampled_from(["days", "weeks"]))
def test_a_term_on_the_wall_ends_on_its_own_day_or_with_the_next_that_is_free(
    start: datetime, amount: int, unit: str
) -> None:
    calendar = Calendar("office", Opening(AMSTERDAM, OFFICE))
    wall = start.astimezone(AMSTERDAM)
    last = wall.date() + timedelta(days=amount * (7 if unit == "weeks" else 1))
    day = last - timedelta(days=1) if wall.time() == time() else last
    moved = day
    while moved.weekday() >= 5 or moved in holidays(moved.year):
        moved += timedelta(days=1)
    expected = datetime.combine(last, wall.time(), AMSTERDAM) if moved == day else local(moved, 1440)
    assert calendar.add(start, Duration(amount, unit)) == expected  # type: ignore[arg-type]  # sampled from the units


@quick
@given(calendars, moments, st.integers(1, 10**7), st.integers(1, 99), st.booleans())
def test_a_share_of_a_term_lies_within_it(
    calendar: Calendar, start: datetime, seconds: int, percent: int, working: bool
) -> None:
    end = start + timedelta(seconds=seconds)
    assert start <= calendar.share(start, end, percent, working=working) <= end
