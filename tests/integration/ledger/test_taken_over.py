"""Who has the partitions by Kafka's word takes them over anew, when a zombie that is gone was the last to take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_asyncio
from sqlalchemy import text

from services.ledger import app as ledger
from services.runtime.broker import Publisher
from services.runtime.database import engine
from tests.integration.ledger.on_kafka import prepared, report

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.runtime.settings import Settings

PATIENCE_SECONDS = 60


TAKEN_OVER = "update reading set owner = 'ledger-0-dead'"
"""What a twin of the same instance leaves behind that was given the partitions, and was killed."""


@pytest_asyncio.fixture
async def own(settings: Settings, tmp_path: Path) -> Settings:
    return await prepared(settings, tmp_path, instance="0", backoff_first=timedelta(seconds=0.05))


@pytest_asyncio.fixture
async def database(own: Settings) -> AsyncIterator[AsyncEngine]:
    database = engine(own, pool_size=1)
    yield database
    await database.dispose()


@pytest_asyncio.fixture
async def publisher(own: Settings) -> AsyncIterator[Publisher]:
    publisher = Publisher(own)
    await publisher.start()
    yield publisher
    await publisher.stop()


async def test_a_ledger_goes_on_when_a_record_comes(own: Settings, database: AsyncEngine, publisher: Publisher) -> None:
    service = ledger.build(own.model_copy(update={"settle": timedelta(hours=1)}))  # which looks every 2 s only
    await service.start()
    await report(publisher, "first")
    await until(database, "select count(*) = 1 from record")
    async with database.begin() as connection:
        await connection.execute(text(TAKEN_OVER))
    await report(publisher, "second")
    await until(database, "select count(*) = 2 from record")
    await service.stop()


async def test_time_goes_on_when_nothing_is_said(own: Settings, database: AsyncEngine) -> None:
    service = ledger.build(own.model_copy(update={"settle": timedelta(seconds=0.4)}))
    await service.start()
    await until(database, "select count(*) > 0 and bool_and(read_until is not null) from reading")
    async with database.begin() as connection:
        await connection.execute(text(TAKEN_OVER))
    await until(
        database, "select bool_and(owner <> 'ledger-0-dead' and read_until > now() - interval '1 s') from reading"
    )
    await service.stop()


async def until(database: AsyncEngine, question: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with database.connect() as connection:
                if await connection.scalar(text(question)):
                    return
            await asyncio.sleep(0.05)
