"""What is read ahead is what would be read then, or it is read again."""

import asyncio
from collections.abc import Sequence

import pytest

from services.agreements.loading import parse
from services.agreements.model import Agreements
from services.ledger.reading import read_record
from services.ledger.reading_ahead import AT_ONCE, Read, ReadingAhead
from services.runtime.clock import now
from services.runtime.records import Record

COUNT = 2 * AT_ONCE + 1


def records(count: int = COUNT) -> tuple[Record, ...]:
    return tuple(Record("neighbourhood.phase-changed", 0, number, now(), None, b"{}") for number in range(count))


def at_once(of: Sequence[Record], agreements: Agreements) -> Read:
    return [read_record(record, agreements) for record in of]


async def test_records_that_were_read_ahead_are_as_if_read_at_once(town: Agreements) -> None:
    reading, coming = ReadingAhead(), records()
    reading.begin(coming, town)
    await asyncio.sleep(0.01)
    assert await reading.read(coming, town) == at_once(coming, town)


async def test_they_need_not_be_read_when_they_are_asked_for(town: Agreements) -> None:
    reading, coming = ReadingAhead(), records()
    reading.begin(coming, town)
    assert len(await reading.read(coming, town)) == COUNT


@pytest.mark.parametrize("other", ["records", "agreements"])
async def test_what_comes_otherwise_is_read_as_it_comes(town: Agreements, other: str) -> None:
    reading, expected, others = ReadingAhead(), records(), asyncio.all_tasks()
    reading.begin(expected, town)
    come = records(3) if other == "records" else expected
    under = parse(town.text.replace("phase-changed", "grievance-reported")) if other == "agreements" else town
    assert await reading.read(come, under) == at_once(come, under)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= others  # what was read for nothing is not read on


async def test_what_is_read_ahead_leaves_room_for_others_between(town: Agreements) -> None:
    reading, coming, turns = ReadingAhead(), records(), 0
    reading.begin(coming, town)
    asked = asyncio.create_task(reading.read(coming, town))
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > COUNT // AT_ONCE
