"""Moments and days as they stand in events."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from events.moments import Day, Moment, PartialDay, Since, first_day, is_later, parse_moment, zulu

RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
SINCE: TypeAdapter[date | datetime] = TypeAdapter(Since)


def accepts(form: object, value: object) -> bool:
    try:
        TypeAdapter(form).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T09:30:00Z",
        "2026-11-24t09:30:00z",
        "2026-11-24T09:30:00.123456789+01:00",
        "2026-11-24T09:30:00-00:00",
        "0001-01-01T00:00:00Z",
    ],
)
def test_a_moment_has_an_offset(text: str) -> None:
    assert accepts(Moment, text)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24T09:30:00",
        "2026-11-24T09:30Z",
        "2026-11-24 09:30:00Z",
        "2026-11-24",
        "20261124T093000Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T24:30:00Z",
        "2026-11-24T09:30:00+0100",
        "٢٠٢٦-11-24T09:30:00Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        1_795_513_800,
        None,
        "",
    ],
)
def test_what_has_no_offset_or_is_no_moment_is_refused(value: object) -> None:
    assert not accepts(Moment, value)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_moment_that_is_written_and_read_is_the_same_to_the_millisecond(moment: datetime) -> None:
    text = zulu(moment)
    assert text.endswith("Z")
    back = parse_moment(text)
    assert abs(back - moment) < timedelta(milliseconds=1)
    assert zulu(back) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2025-02-01", date(2025, 2, 1)), ("2025-02-01T09:00:00+01:00", datetime(2025, 2, 1, 8, tzinfo=UTC))],
)
def test_since_is_a_day_or_a_moment(value: str, expected: date | datetime) -> None:
    assert SINCE.validate_python(value) == expected


@pytest.mark.parametrize("value", ["2025-02", "2025-02-30", "2025-02-01T09:00:00", 2025, None, "gisteren"])
def test_since_that_is_neither_is_refused_with_one_sentence(value: object) -> None:
    with pytest.raises(ValidationError) as error:
        SINCE.validate_python(value)
    (fault,) = error.value.errors()
    assert fault["loc"] == ()
    assert fault["msg"].count("must be a date, or a date and time with an offset") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1998", date(1998, 1, 1)), ("1998-05", date(1998, 5, 1)), ("1998-05-17", date(1998, 5, 17))],
)
def test_an_old_grievance_counts_from_the_first_day_it_can_mean(text: str, expected: date) -> None:
    assert accepts(PartialDay, text)
    assert first_day(text) == expected


@pytest.mark.parametrize(
    "value", ["98", "0000", "1998-13", "1998-00", "1998-02-30", "1998-5", "1998-05-17T00:00:00Z", 1998]
)
def test_what_is_no_part_of_a_date_is_refused(value: object) -> None:
    assert not accepts(PartialDay, value)


def test_a_day_is_no_moment() -> None:
    assert accepts(Day, "2026-11-24")
    assert not accepts(Day, "2026-11-24T00:00:00Z")
    assert not accepts(Day, datetime(2026, 11, 24, tzinfo=UTC))


@pytest.mark.parametrize(("seconds", "later"), [(-1, False), (0, False), (60, False), (61, True), (3600, True)])
def test_a_senders_clock_may_be_a_minute_ahead(seconds: int, later: bool) -> None:
    assert is_later(RECEIVED + timedelta(seconds=seconds), RECEIVED) is later


def test_a_day_is_later_when_it_has_not_begun_in_amsterdam() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # the 25th has begun in Amsterdam
    assert not is_later(date(2026, 11, 25), late)
    assert is_later(date(2026, 11, 26), late)
    assert is_later(date(2026, 11, 25), RECEIVED)
