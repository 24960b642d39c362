from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.local.replay.moments import Reader

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AMSTERDAM = Reader(NOW, ZoneInfo("Europe/Amsterdam"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2011-10-30 02:30:00+02:00", datetime(2011, 10, 30, 0, 30, tzinfo=UTC)),
        ("2011-10-30T02:30:00+01:00", datetime(2011, 10, 30, 1, 30, tzinfo=UTC)),
        ("2011-03-27T01:59:59.999Z", datetime(2011, 3, 27, 1, 59, 59, 999000, tzinfo=UTC)),
        (" 2011-10-11 13:45:40.276999+02:00 ", datetime(2011, 10, 11, 11, 45, 40, 276000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_with_an_offset_is_read_to_the_whole_millisecond(text: str, moment: datetime) -> None:
    assert Reader(NOW).read(text) == moment


def test_a_timestamp_without_offset_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="timezone"):
        Reader(NOW).read("2011-06-01 12:00")
    assert AMSTERDAM.read("2011-06-01 12:00") == datetime(2011, 6, 1, 10, tzinfo=UTC)
    assert AMSTERDAM.read("2011-12-01 12:00") == datetime(2011, 12, 1, 11, tzinfo=UTC)


def test_of_an_hour_that_comes_twice_the_first_is_read() -> None:
    assert AMSTERDAM.read("2011-10-30 02:30") == datetime(2011, 10, 30, 0, 30, tzinfo=UTC)


def test_an_hour_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="does not exist in Europe/Amsterdam"):
        AMSTERDAM.read("2011-03-27 02:30")


def test_another_form_can_be_named() -> None:
    dutch = Reader(NOW, ZoneInfo("Europe/Amsterdam"), "%d-%m-%Y %H:%M")
    assert dutch.read("31-12-2011 14:00") == datetime(2011, 12, 31, 13, tzinfo=UTC)
    with pytest.raises(ValueError, match="no moment in the form"):
        dutch.read("2011-12-31 14:00")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ISO 8601"),
        ("soon", "ISO 8601"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("2026-01-01T00:00:01Z", "future"),
    ],
)
def test_what_kafka_cannot_hold_as_a_moment_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Reader(NOW).read(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_outside_every_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment"):
        Reader(NOW).read(text)
