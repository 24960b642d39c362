"""What keeps an order, and the headers with which a row is published."""

import base64
import json
from uuid import UUID

import pytest

from events.envelope import STRUCTURED_HEADERS
from services.relay.rows import Row, by_lane, headers_of
from services.runtime.errors import PermanentError

A, B = UUID(int=1), UUID(int=2)


def row(seq: int, signal: UUID | None = None, headers: str | None = None) -> Row:
    return Row(seq, signal, "team.noord.feedback", b"key", b"value", headers)


def test_the_rows_of_a_signal_keep_their_order_and_a_row_without_a_signal_stands_alone() -> None:
    rows = [row(1, A), row(2, B), row(3), row(4, A), row(5)]
    lanes = {lane: [each.seq for each in found] for lane, found in by_lane(rows).items()}
    assert lanes == {A: [1, 4], B: [2], 3: [3], 5: [5]}


def test_a_row_without_headers_of_its_own_is_a_structured_event() -> None:
    assert headers_of(row(1)) == STRUCTURED_HEADERS


def test_headers_come_back_byte_for_byte_and_in_order_with_repeats() -> None:
    pairs = [("a", b"\xff\x00"), ("b", b""), ("a", b"2")]
    written = json.dumps([[name, base64.b64encode(value).decode()] for name, value in pairs])
    assert headers_of(row(1, headers=written)) == tuple(pairs)


@pytest.mark.parametrize(
    "written", ['{"a": "b"}', '[["a", "no base64!"]]', '[["a"]]', "7", '[["a", null]]', '[["a", 3]]']
)
def test_headers_that_make_no_sense_are_the_rows_own_fault_and_name_it(written: str) -> None:
    with pytest.raises(PermanentError, match="outbox row 41"):
        headers_of(row(41, headers=written))
