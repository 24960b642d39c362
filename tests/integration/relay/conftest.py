"""The ledger's side of the outbox, and a reader of the topics, for the relay's tests."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.catalogue import DEAD_LETTERS, Topic
from services.ledger.tables import Table
from services.relay.app import build
from services.runtime import database, topics
from services.runtime.records import Record, record_of

if TYPE_CHECKING:
    from services.relay.relay import Relay
    from services.runtime.settings import Settings

PERMITS = "department.permits.assignments"
NOORD = "team.noord.feedback"
PATIENCE_SECONDS = 60


Written = tuple[UUID | None, str, bytes, Sequence[tuple[str, bytes]] | None]
"""Signal, topic, value, headers: a row as the ledger writes it."""


@dataclass(slots=True)
class Ledger:
    """Writes the outbox as the ledger does, and notifies."""

    settings: Settings
    connection: asyncpg.Connection[asyncpg.Record]

    async def write(self, *rows: Written, notify: bool = True) -> None:
        signals, names, values, headers = zip(*rows, strict=True)
        async with self.connection.transaction():
            await self.connection.execute(
                "insert into outbox (signal, topic, key, value, headers) select * from"
                " unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[], $5::jsonb[])",
                signals,
                names,
                [str(signal).encode() if signal else None for signal in signals],
                values,
                [
                    pairs and json.dumps([[name, base64.b64encode(value).decode()] for name, value in pairs])
                    for pairs in headers
                ],
            )
            if notify:
                await self.connection.execute("select pg_notify('outbox_' || current_schema(), '')")

    async def left(self) -> list[bytes]:
        """The values that are still to be published, in order."""
        return [record["value"] for record in await self.connection.fetch("select value from outbox order by seq")]

    async def empty(self, but: int = 0) -> None:
        """Wait until no more than `but` rows are left."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.connection.fetchval("select count(*) from outbox") > but:  # noqa: ASYNC110 - only seen there
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A schema with the ledger's tables, and the topics of one department, one team and the loop."""
    await prepare(settings)
    async with writing(settings) as ledger:
        yield ledger


@pytest.fixture
def prepared() -> tuple[Callable[..., Awaitable[None]], Callable[..., AbstractAsyncContextManager[Ledger]]]:
    """How `ledger` comes about, for tests with parts of their own: make the tables and topics; write."""
    return prepare, writing


async def prepare(settings: Settings) -> None:
    engine = database.engine(settings)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"create schema {settings.database_schema}")
        await connection.run_sync(Table.metadata.create_all)
    await engine.dispose()
    await topics.ensure(
        settings, [Topic(PERMITS), Topic(NOORD), Topic(DEAD_LETTERS, max_message_bytes=2 * 1024 * 1024)]
    )


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[Ledger]:
    connection = await asyncpg.connect(
        settings.database.get_secret_value(), server_settings=database.session(settings, "test-ledger")
    )
    try:
        yield Ledger(settings, connection)
    finally:
        await connection.close()


@pytest.fixture
def read(settings: Settings) -> Callable[..., Awaitable[list[Record]]]:
    """Read all records of some topics, each topic in its order."""
    return partial(everything, settings)


@pytest.fixture
def read_from() -> Callable[..., Awaitable[list[Record]]]:
    """The same, for tests with parts of their own."""
    return everything


@pytest.fixture
def running() -> Callable[[Settings], AbstractAsyncContextManager[Relay]]:
    """A relay from its composition root, started and stopped."""
    return run


@asynccontextmanager
async def run(settings: Settings) -> AsyncIterator[Relay]:
    relay = build(settings)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def everything(settings: Settings, *names: str) -> list[Record]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
    )
    await consumer.start()
    try:
        places = [TopicPartition(settings.topic_prefix + name, 0) for name in names]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[Record] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record_of(record, settings.topic_prefix) for record in records]
        return found
    finally:
        await consumer.stop()
