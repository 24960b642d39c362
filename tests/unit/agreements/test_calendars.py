"""Terms worked out by hand, one sentence each; the reference tests try the same rules on thousands of moments."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.agreements.calendars import Calendar
from services.agreements.durations import parse
from services.agreements.holidays import recognised
from services.agreements.opening import Opening

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OFFICE = Calendar(
    "office",
    Opening(
        AMSTERDAM,
        week=(((9 * 60, 12 * 60 + 30), (13 * 60, 17 * 60)),) * 5 + ((), ()),
        holidays=True,
        closed=frozenset([date(2026, 12, 24)]),
    ),
)
SHORT_FRIDAY = Calendar("short friday", Opening(AMSTERDAM, week=(((540, 1020),),) * 4 + (((600, 720),), (), ())))
ALWAYS = Calendar("always", Opening(AMSTERDAM, week=(((0, 1440),),) * 7))


def at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM, fold=fold)


def end(calendar: Calendar, start: str, duration: str) -> str:
    moment = calendar.add(at(start), parse(duration))
    assert moment.tzinfo is UTC
    return moment.astimezone(AMSTERDAM).strftime("%a %Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        # 2026-11-20 is a Friday
        ("2026-11-20 16:00", "4 working hours", "Mon 2026-11-23 12:00"),
        ("2026-11-20 09:00", "4 working hours", "Fri 2026-11-20 13:30"),  # over the lunch break
        ("2026-11-20 13:00", "4 working hours", "Fri 2026-11-20 17:00"),  # the close, not the next opening
        ("2026-11-20 12:45", "4 working hours", "Fri 2026-11-20 17:00"),
        ("2026-11-21 10:00", "4 working hours", "Mon 2026-11-23 13:30"),
        ("2026-12-23 16:00", "4 working hours", "Mon 2026-12-28 12:00"),  # a closed day, Christmas, a weekend
    ],
)
def test_working_hours_pass_only_while_the_office_is_open(start: str, duration: str, expected: str) -> None:
    assert end(OFFICE, start, duration) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-20 16:00", "Tue 2026-11-24 16:00"),  # the same time, the second working day after
        ("2026-11-23 09:00", "Wed 2026-11-25 09:00"),
        ("2026-11-23 12:45", "Wed 2026-11-25 12:45"),  # in the break of a working day
        ("2026-11-20 18:00", "Tue 2026-11-24 17:00"),  # after hours: two whole working days
        ("2026-11-21 10:00", "Tue 2026-11-24 17:00"),  # on a Saturday
        ("2026-11-23 07:00", "Tue 2026-11-24 17:00"),  # before opening
        ("2026-12-23 11:00", "Tue 2026-12-29 11:00"),  # Thursday closed, Friday and Saturday Christmas, Sunday
        ("2026-04-02 11:00", "Wed 2026-04-08 11:00"),  # Good Friday and Easter Monday
        ("2026-05-04 11:00", "Thu 2026-05-07 11:00"),  # Liberation Day, also outside its fifth years
    ],
)
def test_two_working_days_end_at_the_same_time_on_the_second_working_day_after(start: str, expected: str) -> None:
    assert end(OFFICE, start, "2 working days") == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-19 15:00", "Fri 2026-11-20 12:00"),  # not after the closing of a short day
        ("2026-11-19 09:30", "Fri 2026-11-20 10:00"),  # not before its opening
        ("2026-11-20 11:00", "Mon 2026-11-23 11:00"),
        ("2026-11-20 13:00", "Mon 2026-11-23 17:00"),  # after a short day's hours: the whole next one
    ],
)
def test_a_working_day_keeps_within_the_hours_of_the_day_on_which_it_ends(start: str, expected: str) -> None:
    assert end(SHORT_FRIDAY, start, "1 working day") == expected


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ("2026-11-16 10:00", "7 days", "Mon 2026-11-23 10:00"),
        ("2026-11-14 10:00", "7 days", "Tue 2026-11-24 00:00"),  # on a Saturday: the end of Monday
        ("2026-11-14 10:00", "8 days", "Tue 2026-11-24 00:00"),
        ("2026-03-27 10:00", "1 weeks", "Wed 2026-04-08 00:00"),  # Good Friday, over Easter Monday to Tuesday
        ("2026-04-20 10:00", "7 days", "Wed 2026-04-29 00:00"),  # the King's birthday
        ("2026-04-28 10:00", "1 weeks", "Thu 2026-05-07 00:00"),  # Liberation Day
        ("2026-12-17 10:00", "7 days", "Thu 2026-12-24 10:00"),  # a closed day is no recognised holiday
        ("2026-11-14 00:00", "7 days", "Sat 2026-11-21 00:00"),  # ends at midnight: with Friday
        ("2026-11-20 10:00", "24 hours", "Sat 2026-11-21 10:00"),  # elapsed time is never moved
    ],
)
def test_a_term_in_days_or_weeks_ends_on_no_saturday_sunday_or_holiday(
    start: str, duration: str, expected: str
) -> None:
    assert end(OFFICE, start, duration) == expected


def test_a_term_in_days_keeps_the_time_on_the_wall_over_both_clock_changes() -> None:
    assert end(OFFICE, "2026-03-26 10:00", "4 days") == "Mon 2026-03-30 10:00"
    assert end(OFFICE, "2026-10-22 10:00", "4 days") == "Mon 2026-10-26 10:00"


def test_hours_are_elapsed_time_over_both_clock_changes() -> None:
    assert end(OFFICE, "2026-03-28 12:00", "24 hours") == "Sun 2026-03-29 13:00"
    assert end(OFFICE, "2026-10-24 12:00", "24 hours") == "Sun 2026-10-25 11:00"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-01", 24)])
def test_a_day_on_which_the_clock_changes_is_as_long_as_it_is(day: str, hours: int) -> None:
    start = at(day)
    assert ALWAYS.between(start, start + timedelta(days=1)) == timedelta(hours=hours)


def test_the_hour_that_comes_twice_is_worked_twice_by_whom_it_finds_open() -> None:
    night = Calendar("night", Opening(AMSTERDAM, week=((),) * 6 + (((120, 180),),)))  # Sundays, 02:00 to 03:00
    assert night.between(at("2026-10-25"), at("2026-10-26")) == timedelta(hours=2)
    assert night.between(at("2026-03-29"), at("2026-03-30")) == timedelta(0)
    assert night.between(at("2026-03-22"), at("2026-03-23")) == timedelta(hours=1)


def test_working_time_is_measured_between_two_moments_in_either_order() -> None:
    friday, monday = at("2026-11-20 16:00"), at("2026-11-23 10:00")
    assert OFFICE.between(friday, monday) == timedelta(hours=2)
    assert OFFICE.between(monday, friday) == -timedelta(hours=2)
    assert OFFICE.between(at("2026-11-21 10:00"), at("2026-11-22 10:00")) == timedelta(0)


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ("2026-11-23 12:00", "4 working hours", "Fri 2026-11-20 16:00"),
        ("2026-11-23 11:00", "2 working hours", "Mon 2026-11-23 09:00"),  # the opening, not Friday's close
        ("2026-11-24 16:00", "2 working days", "Fri 2026-11-20 16:00"),
        ("2026-11-24 18:00", "2 working days", "Mon 2026-11-23 09:00"),  # two whole working days before
        ("2026-11-23 10:00", "1 days", "Sun 2026-11-22 10:00"),  # no term, so no weekend moves it
        ("2026-11-23 10:00", "90 minutes", "Mon 2026-11-23 08:30"),
    ],
)
def test_a_duration_before_a_moment_mirrors_one_after_it(start: str, duration: str, expected: str) -> None:
    moment = OFFICE.back(at(start), parse(duration))
    assert moment.astimezone(AMSTERDAM).strftime("%a %Y-%m-%d %H:%M") == expected


def test_a_share_of_a_term_is_counted_in_working_time_or_on_the_wall() -> None:
    friday, tuesday = at("2026-11-20 16:00"), at("2026-11-24 16:00")
    working = OFFICE.share(friday, tuesday, 50, working=True).astimezone(AMSTERDAM)
    assert working == at("2026-11-23 16:00")  # 7.5 of 15 working hours: 1 on Friday, 6.5 on Monday
    assert OFFICE.share(friday, tuesday, 50, working=False).astimezone(AMSTERDAM) == at("2026-11-22 16:00")


def test_where_nothing_is_worked_a_share_is_counted_on_the_wall() -> None:
    saturday, sunday = at("2026-11-21 10:00"), at("2026-11-22 10:00")
    assert OFFICE.share(saturday, sunday, 50, working=True) == at("2026-11-21 22:00")


def test_every_recognised_holiday_of_the_law_is_one() -> None:
    weekdays = {day for day in recognised(2026) if day.weekday() < 5}
    assert weekdays == {
        date(2026, 1, 1),
        date(2026, 4, 3),  # Good Friday
        date(2026, 4, 6),
        date(2026, 4, 27),
        date(2026, 5, 5),
        date(2026, 5, 14),
        date(2026, 5, 25),
        date(2026, 12, 25),
    }


def test_the_kings_birthday_is_kept_on_saturday_when_it_is_a_sunday() -> None:
    assert date(2025, 4, 26) in recognised(2025)
    assert date(2025, 4, 27) not in recognised(2025)
    assert date(2010, 4, 30) in recognised(2010)  # the Queen's, in the years of the replayed log


def test_a_moment_beyond_the_known_years_is_refused() -> None:
    with pytest.raises(ValueError, match="1900 to 2199"):
        OFFICE.add(datetime(2900, 1, 1, tzinfo=UTC), parse("2 working days"))


def test_years_may_be_asked_in_any_order() -> None:
    calendar = Calendar("fresh", OFFICE.opening)
    late, early = at("2031-03-03 10:00"), at("2009-03-02 10:00")
    assert calendar.between(late, late + timedelta(hours=2)) == timedelta(hours=2)
    assert calendar.add(early, parse("2 working days")) == at("2009-03-04 10:00")
    assert calendar.add(late, parse("2 working days")) == at("2031-03-05 10:00")
    assert calendar.between(early, late) == -calendar.between(late, early)


def test_a_term_longer_than_the_years_at_hand_is_still_found() -> None:
    calendar = Calendar("fresh", OFFICE.opening)
    start = at("2026-01-05 10:00")
    finish = calendar.add(start, parse("9000 working hours"))
    assert calendar.between(start, finish) == timedelta(hours=9000)
    assert calendar.back(finish, parse("9000 working hours")) <= start
