"""A dead letter keeps the record as it was, and says where it came from and why."""

from datetime import UTC, datetime

from services.runtime import dead_letters
from services.runtime.records import Record

AT = datetime(2026, 11, 24, 9, 30, 0, 123000, tzinfo=UTC)
OWN = (("traceparent", b"00-1"), ("odd", b"\xff\xfe"), ("odd", b""), ("koikarper.errors.topic", b"forged"))


def record(topic: str, headers: tuple[tuple[str, bytes], ...] = OWN) -> Record:
    return Record(topic, 3, 42, AT, b"key", b"\x00\xff", headers)


def test_own_headers_stay_untouched_first_and_in_order() -> None:
    found = dead_letters.headers(record("a"), service="ledger", reason="not-json", message="no JSON", attempts=2)
    assert tuple(found[: len(OWN)]) == OWN
    assert dict(found[len(OWN) :]) == {
        "koikarper.errors.topic": b"a",
        "koikarper.errors.partition": b"3",
        "koikarper.errors.offset": b"42",
        "koikarper.errors.timestamp": b"2026-11-24T09:30:00.123Z",
        "koikarper.errors.service": b"ledger",
        "koikarper.errors.reason": b"not-json",
        "koikarper.errors.message": b"no JSON",
        "koikarper.errors.attempts": b"2",
    }


def test_the_place_can_be_read_back_and_a_forged_one_does_not_win() -> None:
    found = dead_letters.headers(record("a"), service="ledger", reason="x", message="y", attempts=1)
    assert dead_letters.origin(found) == dead_letters.Origin("a", 3, 42, AT)


def test_a_record_that_fails_again_on_the_retries_topic_keeps_its_first_place_and_moment() -> None:
    first = dead_letters.headers(record("a"), service="ledger", reason="x", message="y", attempts=1)
    again = record("loop.retries", tuple(first))
    second = dead_letters.headers(again, service="ledger", reason="z", message="w", attempts=4)
    assert dead_letters.origin(second) == dead_letters.Origin("a", 3, 42, AT)
    assert dict(second)["koikarper.errors.reason"] == b"z"
    assert len(second) == len(dict(second)) + 1, "our headers are replaced, not heaped up; the doubled one is its own"


def test_headers_that_name_no_place_give_none() -> None:
    assert dead_letters.origin(OWN) is None
    assert dead_letters.origin([("koikarper.errors.topic", b"\xff")]) is None


def test_a_long_message_is_cut() -> None:
    found = dict(dead_letters.headers(record("a"), service="s", reason="r", message="m" * 9_999, attempts=1))
    assert len(found["koikarper.errors.message"]) == dead_letters.MESSAGE_LENGTH_MAX
