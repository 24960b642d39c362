"""How far each partition has been read: offsets that live in the same transaction as what they led to (design 2)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, LargeBinary, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ledger.lane import Lane
from services.ledger.sealing import FIRST
from services.runtime.database import transient_errors
from services.runtime.errors import Fenced
from services.runtime.records import Record

Place = tuple[str, int]

_TOPICS = bindparam("topics", type_=ARRAY(Text))
_PARTITIONS = bindparam("partitions", type_=ARRAY(Integer))

# A position that an operator deleted begins anew; what was recorded from it stays, and so do its seals.
_TAKE_OVER = text("""
    insert into reading (topic, partition, next_offset, owner, head)
    select topic, partition, 0, :owner,
        case when not exists (
            select from reading where reading.topic = asked.topic and reading.partition = asked.partition
        ) then (
            select hash from seal
            where seal.topic = asked.topic and seal.partition = asked.partition order by id desc limit 1
        ) end
    from unnest(:topics, :partitions) as asked (topic, partition)
    order by topic, partition
    on conflict (topic, partition) do update set owner = excluded.owner
    returning topic, partition, next_offset
""").bindparams(_TOPICS, _PARTITIONS)

_HOLD = text("""
    select topic, partition, next_offset, head, nextval('seal_id') as seal from reading
    join unnest(:topics, :partitions) as asked (topic, partition) using (topic, partition)
    where owner = :owner
    order by topic, partition
    for update of reading
""").bindparams(_TOPICS, _PARTITIONS)

_MOMENTS = (
    bindparam("next_offsets", type_=ARRAY(BigInteger)),
    bindparam("moments", type_=ARRAY(DateTime(timezone=True))),
)

_ADVANCE = text("""
    update reading
    set next_offset = greatest(reading.next_offset, read.next_offset),
        read_until = greatest(reading.read_until, read.read_until),
        head = coalesce(read.head, reading.head)
    from unnest(:topics, :partitions, :next_offsets, :moments, :heads)
         as read (topic, partition, next_offset, read_until, head)
    where reading.topic = read.topic and reading.partition = read.partition
""").bindparams(_TOPICS, _PARTITIONS, *_MOMENTS, bindparam("heads", type_=ARRAY(LargeBinary)))

# A batch that holds a row moves it itself, so nothing waits here. A stored offset is only ever less than what its own
# worker knows where the broker deleted records by age; nothing is left of those to wait for.
_WATCHED = text("""
    with held as materialized (
        select topic, partition, seen.read_until from reading
        join unnest(:topics, :partitions, :next_offsets, :moments)
             as seen (topic, partition, next_offset, read_until) using (topic, partition)
        where reading.owner = :owner and reading.next_offset <= seen.next_offset
              and (reading.read_until is null or reading.read_until < seen.read_until)
        order by topic, partition
        for update of reading skip locked
    )
    update reading set read_until = greatest(reading.read_until, held.read_until)
    from held where reading.topic = held.topic and reading.partition = held.partition
""").bindparams(_TOPICS, _PARTITIONS, *_MOMENTS)


@dataclass(frozen=True, slots=True)
class Held:
    """The row of one partition, held until the commit."""

    next_offset: int
    head: bytes
    """The last seal over what was read from it."""
    seal: int
    """The number of the next one, should this batch add to the record."""


_STORED = text("""
    select topic, partition, next_offset, owner from reading
    join unnest(:topics, :partitions) as asked (topic, partition) using (topic, partition)
""").bindparams(_TOPICS, _PARTITIONS)


class LedgerPositions:
    """Gives the consumer its offsets when it is assigned partitions, and makes it their owner."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take_over(self, partitions: Collection[Place], owner: str) -> dict[Place, int]:
        """The next offset of each partition; from now on the batches of any other owner fail."""
        if not partitions:
            return {}
        async with transient_errors(), self._engine.begin() as connection:
            rows = await connection.execute(_TAKE_OVER, {"owner": owner, **_columns(sorted(partitions))})
            return {(row.topic, row.partition): row.next_offset for row in rows}


async def hold(connection: AsyncConnection, records: Sequence[Record], owner: str) -> dict[Place, Held]:
    """Lock the rows of the batch's partitions and give them; `Fenced` when one is another's now."""
    places = sorted({(record.topic, record.partition) for record in records})
    rows = await connection.execute(_HOLD, {"owner": owner, **_columns(places)})
    held = {
        (row.topic, row.partition): Held(row.next_offset, FIRST if row.head is None else bytes(row.head), row.seal)
        for row in rows
    }
    if len(held) < len(places):
        lost = ", ".join(f"{topic}/{partition}" for topic, partition in places if (topic, partition) not in held)
        raise Fenced(f"another worker reads {lost} now")
    return held


async def advance(connection: AsyncConnection | Lane, records: Sequence[Record], heads: Mapping[Place, bytes]) -> None:
    """Note that these records have been read, and the new `heads`; neither offset nor moment ever goes back."""
    last: dict[Place, Record] = {}
    for record in records:
        place = record.topic, record.partition
        if place not in last or record.offset > last[place].offset:
            last[place] = record
    places = sorted(last)
    values = {
        "next_offsets": [last[place].offset + 1 for place in places],
        "moments": [last[place].timestamp for place in places],
        "heads": [heads.get(place) for place in places],
    }
    await connection.execute(_ADVANCE, {**_columns(places), **values})


async def stored(connection: AsyncConnection, places: Collection[Place]) -> dict[Place, tuple[int, str]]:
    """The next offset and the owner of each of these partitions, as the tables say."""
    rows = await connection.execute(_STORED, _columns(sorted(places)))
    return {(row.topic, row.partition): (row.next_offset, row.owner) for row in rows}


async def watched(connection: AsyncConnection, seen: Mapping[Place, tuple[int, datetime]], owner: str) -> None:
    """Note that `owner` has read these partitions to their end: the next offset, and the moment until which.

    What is another's now, or has moved on since, is left alone; no moment ever goes back.
    """
    places = sorted(seen)
    if places:
        values = {"next_offsets": [seen[place][0] for place in places], "moments": [seen[place][1] for place in places]}
        await connection.execute(_WATCHED, {"owner": owner, **_columns(places), **values})


def _columns(places: Sequence[Place]) -> dict[str, list[str] | list[int]]:
    return {"topics": [topic for topic, _ in places], "partitions": [partition for _, partition in places]}
