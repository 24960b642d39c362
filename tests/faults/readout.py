"""The final reads, after all is healed: every topic from its beginning, and the ledger's tables."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import asyncpg
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # no py.typed
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import SignalId
from services.agreements.loading import parse
from services.agreements.topics import inputs, topics
from services.ledger.differing import Difference
from services.ledger.fold import Passage
from services.ledger.folding import compare
from services.ledger.store import load_states
from services.ledger.verifying import verify
from services.runtime.database import engine
from services.runtime.records import Record, record_of
from services.runtime.settings import Settings
from tests.faults.history import Fall, History, Letter, Recorded

SECONDS_MAX = 60
UNSENT = 10**12
"""More than any offset: what waits in the outbox comes after all that was sent."""

_RECORD = text("""
    select record.seq, record.topic, record.partition, record."offset", record.at, record.source, record.id,
           record.type, record.signal, record.sender, record.refused, record.body, seal.agreements
    from record join seal on seal.id = record.seal
        and (seal.id, seal.topic, seal.partition) = (record.seal, record.topic, record.partition)
    order by record.seq
""")
_OUTBOX = text("select seq, topic, key, value, written_at from outbox order by seq")
_PASSAGES = text("select signal, nr, after, until, agreements from passage order by nr")
_LETTERS = text("select topic, read_topic, read_partition, read_offset, reason from dead_letter order by nr")


async def read_topics(settings: Settings, names: Sequence[str]) -> list[Record]:
    """Everything on these (logical) topics, in order per partition."""
    topics_ = [settings.topic_prefix + name for name in names]
    consumer = AIOKafkaConsumer(*topics_, bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()  # without a group it has all partitions at once
    try:
        partitions = consumer.assignment()
        ends = await consumer.end_offsets(partitions)
        left = {partition for partition in partitions if ends[partition] > 0}
        found, limit = [], time.monotonic() + SECONDS_MAX
        while left:
            assert time.monotonic() < limit, f"not read to their ends: {left}"
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += [record_of(record, settings.topic_prefix) for record in records]
            left = {partition for partition in left if await consumer.position(partition) < ends[partition]}
        return found
    finally:
        await consumer.stop()


async def read_all(settings: Settings, direct: str, history: History) -> None:
    """Fill `history` with what there is now; nothing writes any more. `direct` is the database beside its proxy."""
    database = engine(settings.model_copy(update={"database": type(settings.database)(direct)}), pool_size=1)
    try:
        async with database.connect() as connection:
            await _read_tables(connection, history)
            rows = (await connection.execute(_OUTBOX)).all()
            waiting = [Record(row.topic, 0, UNSENT + row.seq, row.written_at, row.key, row.value) for row in rows]
        found = (await compare(database)).differences.kept
        history.not_rebuilt = [_told(one) for one in found]
    finally:
        await database.dispose()
    current = parse(history.versions[history.current])
    read = set(inputs(current))
    history.inputs = await read_topics(settings, sorted(read))
    told = await read_topics(settings, sorted({topic.name for topic in topics(current)} - read))
    # A moment may have passed between the look that found rest and the end of the services: it is told, and waits.
    history.outputs = [*told, *waiting]


async def _read_tables(connection: AsyncConnection, history: History) -> None:
    rows = (await connection.execute(_RECORD)).all()
    history.record = [Recorded(**dict(row._mapping) | {"body": bytes(row.body)}) for row in rows]
    ids = [SignalId(row.id) for row in await connection.execute(text("select id from signal"))]
    history.states = await load_states(connection, ids, lock=False)
    passages: dict[SignalId, list[Passage]] = defaultdict(list)
    for row in await connection.execute(_PASSAGES):
        passages[SignalId(row.signal)].append(Passage(row.nr, row.after, row.until, row.agreements))
    history.passages = passages
    history.letters = [Letter(row[0], (row[1], row[2], row[3]), row[4]) for row in await connection.execute(_LETTERS)]
    counters = await connection.execute(text("select name, labels, value from counter"))
    history.counters = {(row.name, row.labels): row.value for row in counters}
    versions = await connection.execute(text("select version, text from agreements"))
    history.versions = {row.version: row.text for row in versions}
    verified = await verify(connection, {})
    history.broken_seals = [f"{found.topic}/{found.partition}: {found.what}" for found in verified.breaks]


def _told(one: Difference) -> str:
    return f"{one.table} {one.key}, {one.field}: live {one.live!r}, folded {one.folded!r}"


class CounterWatch:
    """Looks at the counters all the while: none may ever be less than it was."""

    def __init__(self, history: History, schema: str, direct: str) -> None:
        self._history = history
        self._schema = schema
        self._direct = direct
        self._seen: dict[tuple[str, str], int] = {}
        self.looks = 0

    async def look(self) -> None:
        """Look once; raises what the database raises while it is away."""
        connection = await asyncpg.connect(self._direct, timeout=3)
        try:
            rows = await connection.fetch(f'select name, labels, value from "{self._schema}".counter')  # noqa: S608 - ours
        finally:
            await connection.close()
        self.looks += 1
        values = {(row["name"], row["labels"]): row["value"] for row in rows}
        for key, before in self._seen.items():
            if values.get(key, 0) < before:
                self._history.falls.append(Fall(*key, before, values.get(key, 0)))
        self._seen |= values
