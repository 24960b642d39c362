"""How long the exporter's snapshot and a scrape take where very many wait: 40 departments, 8 kinds."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from services.agreements.loading import load
from services.ledger.books import LedgerBooks
from services.ledger.migrations import migrate
from services.local.parts import Parts
from services.metrics.app import build
from services.metrics.exporter import Exporter
from services.runtime import health
from services.runtime.database import engine
from services.runtime.service import HealthServer, Running
from services.runtime.settings import Settings
from tests.benchmarks.big_town import FILL, agreements
from tests.benchmarks.figures import Figure
from tests.benchmarks.running import town

GOAL_COUNT = 100_000
COUNTS = (10_000, GOAL_COUNT, 1_000_000)
TIMES = 9
ACCEPT = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
"""What Prometheus asks for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians, in milliseconds; `stopped_ms` is a scrape without a database."""

    snapshot_ms: float
    scrape_ms: float
    stopped_ms: float
    size_kb: float
    series: int


async def figures(folder: Path, counts: tuple[int, ...] = COUNTS) -> list[Figure]:
    """What is measured at 100,000 open assignments beside its goal; how it grows is in the note."""
    measured = {count: await measure(folder / str(count), count) for count in counts}
    one = measured[GOAL_COUNT]
    times = "; ".join(f"{count:,}: {each.snapshot_ms:.0f} ms" for count, each in measured.items())
    least, most = min(counts), max(counts)
    growth = measured[most].snapshot_ms / measured[least].snapshot_ms
    grown = (
        [Figure(f"snapshot of {most:,}, of one of {least:,}", growth, most / least, "times")] if most > least else []
    )
    return [
        Figure("snapshot of 100,000 open", one.snapshot_ms, 500, "ms", times),
        *grown,
        Figure("scrape", one.scrape_ms, 250, "ms", f"{one.size_kb:,.0f} kB"),
        Figure("scrape without a database", one.stopped_ms, 50, "ms"),
        Figure("series of 40 departments", one.series, 10_000, "series"),
    ]


async def measure(folder: Path, count: int) -> Measured:
    """Fill a town with so many open assignments and look at it, as the exporter does."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(Parts(folder / "parts", kafka_port=0, database_port=0))
        settings = town(parts, folder, agreements(), metrics_port=0, log_level="error")
        await _fill(settings, count)
        exporter = build(settings)
        server = HealthServer(settings, lambda: health.readiness([exporter]), health.registries([exporter]))
        await stack.enter_async_context(Running([server, exporter]))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30, headers=ACCEPT))
        while not (await exporter.ready())[0].ok:  # noqa: ASYNC110 - it is asked as operations ask it
            await asyncio.sleep(0.05)
        url = f"http://127.0.0.1:{server.port}/metrics"
        snapshot = statistics.median([await _look_ms(exporter) for _ in range(TIMES)])
        scrape = statistics.median([await _scrape_ms(client, url) for _ in range(TIMES)])
        answer = await client.get(url, headers={"accept": "text/plain"})
        with _away(parts.pids["PostgreSQL"]):
            stopped = statistics.median([await _scrape_ms(client, url) for _ in range(TIMES)])
        return Measured(snapshot, scrape, stopped, len(answer.content) / 1000, _series(answer.text))


@contextmanager
def _away(pid: int) -> Iterator[None]:
    """A database that answers nobody: the server and its sessions stand still."""
    server = psutil.Process(pid)
    family = [server, *server.children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()


async def _fill(settings: Settings, count: int) -> None:
    await migrate(settings)
    database = engine(settings.model_copy(update={"database_timeout": settings.database_timeout * 20}))
    books = LedgerBooks(database, load(settings.agreements))
    await books.open()
    async with database.begin() as connection:
        for statement in FILL:
            await connection.execute(text(statement), {"count": count} if ":count" in statement else {})
    async with database.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("vacuum analyze"))
    await database.dispose()


async def _look_ms(exporter: Exporter) -> float:
    begun = time.perf_counter()
    await exporter.look()
    return (time.perf_counter() - begun) * 1000


async def _scrape_ms(client: httpx.AsyncClient, url: str) -> float:
    begun = time.perf_counter()
    (await client.get(url)).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def _series(scraped: str) -> int:
    return sum(len(family.samples) for family in text_string_to_metric_families(scraped))
