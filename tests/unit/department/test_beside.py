"""Handlers beside each other: each signal in its order, no more than asked, and nothing broken off by an error."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.department.beside import beside_each_other
from services.runtime.records import Record

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def records(keys: str) -> list[Record]:
    return [Record("topic", 0, offset, AT, key.encode(), b"") for offset, key in enumerate(keys)]


class Handler:
    """Notes what it is given, and how many were at work beside each other."""

    def __init__(self, fails_at: int = -1) -> None:
        self.heard: list[tuple[bytes | None, int]] = []
        self.fails_at = fails_at
        self.at_work = self.most = 0

    async def hear(self, record: Record) -> None:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        try:
            await asyncio.sleep(0)
            if record.offset == self.fails_at:
                raise ZeroDivisionError
            await asyncio.sleep(0)
            self.heard.append((record.key, record.offset))
        finally:
            self.at_work -= 1


async def test_every_event_is_heard_each_signal_in_its_order_and_no_more_at_once_than_asked() -> None:
    handler = Handler()
    await beside_each_other(handler.hear, records("abcabcddabe"), 3)
    assert sorted(offset for _, offset in handler.heard) == [*range(11)]
    for key in (b"a", b"b", b"c", b"d", b"e"):
        offsets = [offset for other, offset in handler.heard if other == key]
        assert offsets == sorted(offsets)
    assert handler.most == 3


async def test_after_an_error_those_at_work_end_none_is_begun_and_the_error_is_raised() -> None:
    handler = Handler(fails_at=1)
    with pytest.raises(ZeroDivisionError):
        await beside_each_other(handler.hear, records("abcdefgh"), 3)
    assert {offset for _, offset in handler.heard} == {0, 2}
    assert handler.at_work == 0
