"""What is read ahead is what would be read then, or it is read again."""

import asyncio
from collections.abc import Sequence

import pytest

from services.agreements.loading import parse
from services.agreements.model import Agreements
from services.ledger import reading_ahead
from services.ledger.reading import read_record
from services.ledger.reading_ahead import AHEAD_MAX, AT_ONCE, Read, ReadingAhead
from services.runtime.clock import now
from services.runtime.errors import PermanentError
from services.runtime.isolation import Isolation, RejectRate
from services.runtime.records import Record

COUNT = 2 * AT_ONCE + 1
SIZE = 10


def records(count: int = COUNT) -> tuple[Record, ...]:
    return tuple(Record("neighbourhood.phase-changed", 0, number, now(), None, b"{}") for number in range(count))


def at_once(of: Sequence[Record], agreements: Agreements) -> Read:
    return [read_record(record, agreements) for record in of]


async def reject(record: Record, error: PermanentError, attempts: int) -> None:
    raise AssertionError(f"{record}, {attempts}: {error}")


async def test_records_that_were_read_ahead_are_as_if_read_at_once(town: Agreements) -> None:
    reading, coming = ReadingAhead(), records()
    reading.begin(coming, town)
    await asyncio.sleep(0.01)
    assert await reading.read(coming, town) == at_once(coming, town)


async def test_they_need_not_be_read_when_they_are_asked_for(town: Agreements) -> None:
    reading, coming = ReadingAhead(), records()
    reading.begin(coming, town)
    assert len(await reading.read(coming, town)) == COUNT


async def test_while_a_batch_is_at_work_the_next_is_read_and_none_is_read_twice(
    town: Agreements, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Record] = []
    monkeypatch.setattr(reading_ahead, "read_record", lambda record, _: read.append(record))
    reading, coming, at_work = ReadingAhead(), records(), []

    async def work(batch: Sequence[Record]) -> None:
        at_work.append(len(read))
        await reading.read(batch, town)
        await asyncio.sleep(0.01)  # in which PostgreSQL works

    isolation = Isolation(work, reject, RejectRate(1, 1), size=SIZE, ahead=lambda batch: reading.begin(batch, town))
    await isolation.run(coming, lambda _: None, lambda _: None)
    assert at_work == [0, *range(2 * SIZE, COUNT, SIZE), COUNT]  # each but the first was read before its turn
    assert [id(record) for record in read] == [id(record) for record in coming]


async def test_what_comes_otherwise_is_read_as_it_comes(town: Agreements) -> None:
    reading, others = ReadingAhead(), asyncio.all_tasks()
    reading.begin(records(), town)
    come = records(3)
    assert await reading.read(come, town) == at_once(come, town)
    last = records(3)
    reading.begin(last, town)
    assert await reading.read(last, town) == at_once(last, town)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= others  # what was read for nothing is not read on


async def test_no_more_than_two_batches_are_read_ahead(town: Agreements) -> None:
    reading, others = ReadingAhead(), asyncio.all_tasks()
    for _ in range(4):
        reading.begin(records(), town)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks() - others) == AHEAD_MAX


async def test_what_was_read_under_other_agreements_is_read_again(town: Agreements) -> None:
    reading, expected, others = ReadingAhead(), records(), asyncio.all_tasks()
    reading.begin(expected, town)
    under = parse(town.text.replace("phase-changed", "grievance-reported"))
    assert await reading.read(expected, under) == at_once(expected, under)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= others


async def test_what_is_read_ahead_leaves_room_for_others_between(town: Agreements) -> None:
    reading, coming, turns = ReadingAhead(), records(), 0
    reading.begin(coming, town)
    asked = asyncio.create_task(reading.read(coming, town))
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > COUNT // AT_ONCE
