"""A real ledger on real Kafka, and a database that takes two sorts of record not: nobody waits for their senders."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from aiokafka import AIOKafkaProducer
from sqlalchemy import text

from events.envelope import STRUCTURED_HEADERS
from services.agreements.loading import parse
from services.agreements.topics import topics
from services.ledger import app
from services.ledger.migrations import migrate
from services.runtime.database import engine
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from tests.benchmarks import loop_town
from tests.benchmarks.refusing import refuse_some

PATIENCE_SECONDS = 30.0
"""Far less than a ledger would wait that waits between two tries (`ledger`), and far more than the work takes."""


@pytest_asyncio.fixture
async def ledger(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """A running ledger that waits for at least a minute when it waits at all."""
    agreements = tmp_path / "agreements.yaml"
    agreements.write_text(loop_town.TOWN)
    wait = timedelta(minutes=2)
    own = settings.model_copy(update={"agreements": agreements, "backoff_first": wait, "backoff_max": wait})
    await migrate(own)
    await ensure(own, topics(parse(loop_town.TOWN)))
    await refuse_some(own)
    service = app.build(own)
    await service.start()
    yield own
    await service.stop()


async def test_good_signals_wait_for_no_record_that_fails_late(ledger: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=ledger.kafka)
    await producer.start()
    for number in range(4):
        for id_, partition in ((f"refused-{number}", 0), (f"failing-{number}", 0), ("same", 0), ("other", 1)):
            name = id_ if "-" in id_ else f"{id_}-{number}"
            _, key, value, _ = loop_town.message(loop_town.SIGNALS, loop_town.signal(0, id_=name)[1])
            topic = f"{ledger.topic_prefix}{loop_town.SIGNALS}"
            headers = [*STRUCTURED_HEADERS]
            await producer.send_and_wait(topic, value, key, partition=partition, headers=headers)
    await producer.stop()
    good = {f"{name}-{number}" for name in ("same", "other") for number in range(4)}
    await _until(ledger, "select id from record", {(id_,) for id_ in good})
    await _until(
        ledger, "select reason, count(*) from dead_letter group by 1", {("refused-by-database", 4), ("unworkable", 4)}
    )


async def _until(settings: Settings, query: str, wanted: set[tuple[object, ...]]) -> None:
    database = engine(settings)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), database.connect() as connection:
            while {tuple(row) for row in await connection.execute(text(query))} != wanted:
                await connection.rollback()
                await asyncio.sleep(0.05)
    finally:
        await database.dispose()
