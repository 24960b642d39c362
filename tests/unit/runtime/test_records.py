"""Records keep their bytes, and their moment to the millisecond."""

from datetime import UTC, datetime
from types import SimpleNamespace

from services.runtime.records import moment, record_of


def raw(**other: object) -> SimpleNamespace:
    given = {
        "topic": "p.things",
        "partition": 1,
        "offset": 2,
        "timestamp": 1,
        "key": None,
        "value": None,
        "headers": (),
    }
    return SimpleNamespace(**(given | other))


def test_the_prefix_is_removed_and_nothing_is_decoded() -> None:
    record = record_of(raw(headers=(("h", b"\xff"), ("n", None)), value=b"\xfe"), "p.")
    assert record.topic == "things"
    assert record.value == b"\xfe"
    assert record.headers == (("h", b"\xff"), ("n", b""))


def test_a_moment_is_exact_to_the_millisecond() -> None:
    assert moment(1_764_000_000_123) == datetime(2025, 11, 24, 16, 0, 0, 123000, tzinfo=UTC)
    assert moment(-1) == datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)


def test_a_timestamp_that_no_calendar_holds_does_not_fail() -> None:
    assert record_of(raw(timestamp=2**62)).timestamp.year == 9999
    assert record_of(raw(timestamp=-(2**62))).timestamp.year == 1
