"""A scrape is always answered: without a database by the last snapshot, with its own moment; never a false zero."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.local.parts import Parts
from services.metrics.app import build
from services.metrics.exporter import Exporter
from services.runtime import health
from services.runtime.errors import TransientError
from services.runtime.service import HealthServer, Running
from services.runtime.settings import Settings
from tests.integration.timekeeper.clockwork import at_work

OF_THE_LEDGER = ("koikarper_",)
STAMP = "koikarper_snapshot_timestamp_seconds "


async def scrape(server: HealthServer) -> list[str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{server.port}/metrics")
    assert answer.status_code == 200
    return [line for line in answer.text.splitlines() if line.startswith(OF_THE_LEDGER)]


async def serving(exporter: Exporter, settings: Settings) -> tuple[Running, HealthServer]:
    async def ready() -> dict[str, list[health.Check]]:
        return await health.readiness([exporter])

    server = HealthServer(settings.model_copy(update={"metrics_port": 0}), ready, health.registries([exporter]))
    return Running([server, exporter]), server


@pytest_asyncio.fixture
async def own_parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A database that the test may stop."""
    async with Parts(tmp_path / "parts", kafka_port=0, database_port=0) as parts:
        yield parts


async def until_ready(exporter: Exporter, *, ready: bool) -> None:
    async with asyncio.timeout(60):
        while (await exporter.ready())[0].ok is not ready:  # noqa: ASYNC110 - it is asked as operations ask it
            await asyncio.sleep(0.05)


async def test_without_its_database_it_serves_the_last_snapshot_and_says_how_old_it_is(
    own_parts: Parts, tmp_path: Path
) -> None:
    base = Settings(
        database_schema="m",
        kafka=own_parts.kafka,
        database=own_parts.database,
        snapshot_every=timedelta(seconds=0.2),
        database_timeout=timedelta(seconds=2),
    )
    async with at_work(base, tmp_path) as clockwork:
        await clockwork.desk.take_in(clockwork.desk.signal("a"))
        exporter = build(clockwork.settings)
        running, server = await serving(exporter, clockwork.settings)
        async with running:
            await until_ready(exporter, ready=True)
            await own_parts.stop()
            await until_ready(exporter, ready=False)
            lines = await scrape(server)
            assert 'koikarper_signals_total{kind="initiative-blocked"} 1.0' in lines
            stamp = [line for line in lines if line.startswith(STAMP)]
            await asyncio.sleep(0.5)
            assert await scrape(server) == lines
            assert len(stamp) == 1
            with pytest.raises((TransientError, OSError)):
                await exporter.look()


async def test_before_its_first_snapshot_it_serves_nothing_of_the_ledger_and_no_zeros(
    settings: Settings, tmp_path: Path
) -> None:
    async with at_work(settings, tmp_path) as clockwork:
        away = clockwork.settings.model_copy(update={"database_schema": "nothing_here"})
        exporter = build(away)
        running, server = await serving(exporter, away)
        async with running:
            assert await scrape(server) == []
            assert not (await exporter.ready())[0].ok
