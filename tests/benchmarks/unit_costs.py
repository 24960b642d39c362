"""What one event of a life costs, by what it tells: time, processors and disk, of `koikarper run ledger` and `relay`.

Everything of one kind is published first; then a ledger alone reads it, and a relay alone empties the outbox. So each
time is that of one program which has all it can use; the first part of each, while it warms up, is not counted.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.envelope import STRUCTURED_HEADERS
from services.local.parts import Parts
from services.runtime.options import connection, producing
from services.runtime.settings import Settings
from tests.benchmarks import lives
from tests.benchmarks.bare_sql import connect
from tests.benchmarks.commands import command
from tests.benchmarks.mixture import TOWN
from tests.benchmarks.running import prepare, process, town, variables

PATIENCE_SECONDS = 600
PAUSE_SECONDS = 0.02
WARM = 0.25
"""The share of each part that is not counted."""
TELL = {
    "reported": lives.reported,
    "acknowledged": lives.acknowledged,
    "resolved": lives.resolved,
    "confirmed": lives.confirmed,
}
KEPT = ("record", "identity", "signal", "assignment", "seal", "passage")
"""The tables that grow."""
_READ = "select coalesce(sum(next_offset), 0)::int from reading"
_WAITING = "select count(*)::int from outbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one event; `cpu` is that of the service, PostgreSQL and Kafka together."""

    ledger_us: float
    ledger_cpu_us: float
    rows: float
    """Of the outbox, each published once."""
    relay_us: float
    """Of all its rows."""
    relay_cpu_us: float
    database_bytes: float
    """In the tables that grow, their indexes included."""
    kafka_bytes: float
    """Of the event and of all that is published because of it, on one broker."""


@dataclass(frozen=True, slots=True)
class Place:
    """A town on parts of its own, and where their data lie."""

    parts: Parts
    settings: Settings
    folder: Path
    connection: Any

    def cpu_seconds(self) -> float:
        """What Kafka and PostgreSQL have computed, their ended sessions included."""
        return sum(_cpu_seconds(self.parts.pids[name]) for name in ("Kafka", "PostgreSQL"))

    async def database_bytes(self) -> int:
        """Of the tables that grow."""
        await self.connection.execute(f"vacuum {', '.join(KEPT)}")
        sizes = [await self.connection.fetchval("select pg_total_relation_size($1::regclass)", name) for name in KEPT]
        return sum(sizes)

    def kafka_bytes(self) -> int:
        """Of the records of the town's topics; what Kafka keeps to find them is some thousandths more."""
        logs = self.folder.rglob(f"{self.settings.topic_prefix}*/*.log")
        return sum(log.stat().st_size for log in logs)


@asynccontextmanager
async def place(parts: Parts, folder: Path, name: str) -> AsyncIterator[Place]:
    """A new town."""
    settings = town(parts, folder / name, TOWN, log_level="error")
    await prepare(settings)
    own = await connect(settings)
    try:
        yield Place(parts, settings, folder, own)
    finally:
        await own.close()


async def measure(parts: Parts, folder: Path, count: int, say: Callable[[str], None]) -> dict[str, Cost]:
    """The cost of each event of a life, from `count` lives."""
    costs = {}
    async with place(parts, folder, "costs") as at:
        for verb, tell in TELL.items():
            say(f"What an event costs: {count:,} times {verb}")
            costs[verb] = await _cost(at, [tell(str(number)) for number in range(count)])
    return costs


async def _cost(at: Place, events: Sequence[lives.Event]) -> Cost:
    database, kafka, read = await at.database_bytes(), at.kafka_bytes(), await at.connection.fetchval(_READ)
    await publish(at.settings, events)
    ledger_us, ledger_cpu_us = await _run(at, "ledger", len(events), lambda: _read_since(at, read))
    rows = await at.connection.fetchval(_WAITING)
    relay_us, relay_cpu_us = await _run(at, "relay", rows, lambda: _sent_of(at, rows))
    each = rows / len(events)
    return Cost(
        ledger_us=ledger_us,
        ledger_cpu_us=ledger_cpu_us,
        rows=each,
        relay_us=relay_us * each,
        relay_cpu_us=relay_cpu_us * each,
        database_bytes=(await at.database_bytes() - database) / len(events),
        kafka_bytes=(at.kafka_bytes() - kafka) / len(events),
    )


async def _read_since(at: Place, before: int) -> int:
    return int(await at.connection.fetchval(_READ)) - before


async def _sent_of(at: Place, rows: int) -> int:
    return rows - int(await at.connection.fetchval(_WAITING))


async def _run(at: Place, name: str, count: int, done: Callable[[], Awaitable[int]]) -> tuple[float, float]:
    """Microseconds, and of processors, for each of `count` things of which `done` tells how many are."""
    async with process(command("run", name), variables(at.settings)) as running:
        warm = await until(done, int(count * WARM))
        begun, computed = time.perf_counter(), at.cpu_seconds() + _cpu_seconds(running.pid)
        await until(done, count)
        seconds = time.perf_counter() - begun
        computed = at.cpu_seconds() + _cpu_seconds(running.pid) - computed
    return seconds * 1e6 / (count - warm), computed * 1e6 / (count - warm)


async def until(done: Callable[[], Awaitable[int]], count: int) -> int:
    """Wait until at least `count` are done; how many then are."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (now := await done()) < count:  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(PAUSE_SECONDS)
        return now


async def publish(settings: Settings, events: Iterable[lives.Event]) -> None:
    """As the gateway would."""
    producer = AIOKafkaProducer(**connection(settings, "costs") | producing(settings))
    await producer.start()
    try:
        sent = [
            await producer.send(settings.topic_prefix + topic, value, key, headers=[*STRUCTURED_HEADERS])
            for topic, key, value in events
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _cpu_seconds(pid: int) -> float:
    """Of a process, its children and those of them that have ended."""
    total = 0.0
    for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:  # ended just now
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
