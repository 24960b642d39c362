"""While a ledger that was set back to a backup catches up, no counter falls and nobody is called late."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from services.ledger import app as ledger
from services.metrics.app import build
from services.metrics.exporter import Exporter
from services.metrics.set_back import SetBackLedger
from services.runtime.broker import Publisher
from services.runtime.database import engine
from services.runtime.settings import Settings
from tests.integration.ledger.on_kafka import prepared, report

SIGNALS = 3
SET_BACK = ("update reading set next_offset = 0", "update counter set value = 0", "delete from identity")


@pytest_asyncio.fixture
async def told(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """A ledger that took in some signals, committed, and ended."""
    own = await prepared(settings, tmp_path, kafka_timeout=timedelta(seconds=40))
    publisher, service = Publisher(own), ledger.build(own)
    await publisher.start()
    for number in range(SIGNALS):
        await report(publisher, f"s{number}")
    await publisher.stop()
    await service.start()
    async with asyncio.timeout(60):
        while await counted(own) < SIGNALS:  # noqa: ASYNC110 - seen from outside only
            await asyncio.sleep(0.05)
    await service.stop()
    yield own


async def say(settings: Settings, *statements: str) -> None:
    database = engine(settings, pool_size=1)
    async with database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await database.dispose()


async def counted(settings: Settings) -> int:
    database = engine(settings, pool_size=1)
    async with database.connect() as connection:
        value = await connection.scalar(text("select coalesce(sum(value), 0)::int from counter where name = 'signals'"))
    await database.dispose()
    return int(value)


def served(exporter: Exporter) -> float | None:
    """Of all kinds together; None when nothing is."""
    found = [
        sample.value
        for family in exporter.registry.collect()
        for sample in family.samples
        if sample.name == "koikarper_signals_total"
    ]
    return sum(found) if found else None


async def test_an_exporter_at_work_serves_its_last_snapshot_until_the_ledger_has_caught_up(told: Settings) -> None:
    exporter = build(told)
    await exporter.look()
    await say(told, "create table kept as select * from reading", *SET_BACK)
    for _ in range(2):
        with pytest.raises(SetBackLedger, match="set back to a backup"):
            await exporter.look()
    assert served(exporter) == SIGNALS
    await say(
        told,
        "update reading set next_offset = kept.next_offset from kept"
        " where (kept.topic, kept.partition) = (reading.topic, reading.partition)",
        "update counter set value = 4 where name = 'signals'",
    )
    await exporter.look()
    assert served(exporter) == SIGNALS + 1
    await exporter.stop()


async def test_an_exporter_that_starts_meanwhile_serves_nothing_of_the_ledger(told: Settings) -> None:
    await say(told, *SET_BACK)
    exporter = build(told)
    with pytest.raises(SetBackLedger):
        await exporter.look()
    assert served(exporter) is None
    await exporter.stop()


async def test_counters_that_fell_where_kafka_knows_of_nothing_more_are_served(told: Settings) -> None:
    """Both stores are of the same earlier moment: nothing will be read again, so there is nothing to wait for."""
    exporter = build(told)
    await exporter.look()
    await say(told, "update counter set value = value - 1 where name = 'signals'")
    await exporter.look()
    assert served(exporter) == SIGNALS - 1
    await exporter.stop()
