"""What it takes to run: how long a service needs to start, its memory when idle, and what an event leaves on disk."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.envelope import STRUCTURED_HEADERS
from services.local import keys
from services.local.parts import Parts
from services.runtime.options import producing
from services.runtime.settings import Settings
from tests.benchmarks.bare_sql import connect
from tests.benchmarks.figures import Figure
from tests.benchmarks.mixture import TOWN, earlier, mixture
from tests.benchmarks.running import free_port, prepare, service, town

SERVICES = ("ledger", "relay", "timekeeper", "metrics", "gateway", "canary")
IDLE_SECONDS = 10
EVENTS, QUICK_EVENTS = 10_000, 2_000
AT_ONCE = 8
"""Events on their way at once: a team's tool sends one by one, so batches on the broker are small."""
PATIENCE_SECONDS = 300

_TABLES = """
    select relname, pg_total_relation_size(pg_class.oid) as size from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where nspname = current_schema() and relkind = 'r' and relname in ('record', 'identity', 'signal', 'assignment')
"""
_READ = "select coalesce(sum(next_offset), 0)::int from reading"
_LEFT = "select count(*) from outbox"


async def figures(folder: Path, rounds: int, *, quick: bool) -> list[Figure]:
    """Recorded, without a goal."""
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        started = [await _start(parts, folder / "town") for _ in range(rounds)]
        disk = await _disk(parts, folder, QUICK_EVENTS if quick else EVENTS)
    return [
        *(_seconds(name, [each[name][0] for each in started]) for name in SERVICES),
        *(_memory(name, [each[name][1] for each in started]) for name in SERVICES),
        *disk,
    ]


async def _start(parts: Parts, folder: Path) -> dict[str, tuple[float, float]]:
    """Each service started while those before it run: seconds until it is ready, and megabytes after a quiet while."""
    settings = _canary(town(parts, folder, TOWN, gateway_port=free_port()), folder)
    await prepare(settings)
    seconds: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        running: dict[str, Any] = {}
        for name in SERVICES:
            own = settings.model_copy(update={"metrics_port": free_port()})
            begun = time.perf_counter()
            running[name] = await stack.enter_async_context(service(own, name))
            seconds[name] = time.perf_counter() - begun
        await asyncio.sleep(IDLE_SECONDS)
        memory = {name: psutil.Process(each.pid).memory_info().rss / 1e6 for name, each in running.items()}
    return {name: (seconds[name], memory[name]) for name in SERVICES}


def _canary(settings: Settings, folder: Path) -> Settings:
    gateway = f"http://127.0.0.1:{settings.gateway_port}"
    return settings.model_copy(update={"canary_gateway": gateway, "canary_token_file": keys.canary_token(folder)})


def _seconds(name: str, values: list[float]) -> Figure:
    note = f"until it is ready; {len(values)} rounds, {min(values):.1f} to {max(values):.1f}"
    return Figure(f"start of {name}", statistics.median(values), None, "s", note)


def _memory(name: str, values: list[float]) -> Figure:
    note = f"a process of its own, after {IDLE_SECONDS} s with nothing to do"
    return Figure(f"memory of {name}", statistics.median(values), None, "MB", note)


async def _disk(parts: Parts, folder: Path, count: int) -> list[Figure]:
    """Bytes that the events of a mixture leave, once all is taken in and told."""
    settings = town(parts, folder / "disk", TOWN)
    await prepare(settings)
    async with service(settings, "ledger"), service(settings.model_copy(update={"metrics_port": free_port()}), "relay"):
        sent = await _send(settings, earlier(count))
        sent += await _send(settings, mixture(count))
        async with _patient(settings) as connection:
            while await connection.fetchval(_READ) < sent or await connection.fetchval(_LEFT):  # noqa: ASYNC110 - others'
                await asyncio.sleep(0.1)
            await connection.execute("vacuum analyze")
            sizes = {row["relname"]: int(row["size"]) for row in await connection.fetch(_TABLES)}
    kafka = {"read": 0, "told": 0}
    for log in (folder / "parts" / "kafka" / "data").glob(f"{settings.topic_prefix}*/*.log"):
        is_read = f"{settings.topic_prefix}neighbourhood." in log.parent.name or ".answers-" in log.parent.name
        kafka["read" if is_read else "told"] += log.stat().st_size
    note = ", ".join(f"{name} {size / sent:,.0f}" for name, size in sorted(sizes.items()))
    told = f"read {kafka['read'] / sent:,.0f}, told {kafka['told'] / sent:,.0f}; one replica"
    return [
        Figure("PostgreSQL, of one event", sum(sizes.values()) / sent, None, "bytes", f"with indexes: {note}"),
        Figure("Kafka, of one event", sum(kafka.values()) / sent, None, "bytes", told),
    ]


async def _send(settings: Settings, events: Iterable[tuple[str, bytes, bytes]]) -> int:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, **producing(settings))
    await producer.start()
    todo = iter(events)

    async def one_by_one() -> int:
        own = 0
        for topic, key, value in todo:
            await producer.send_and_wait(f"{settings.topic_prefix}{topic}", value, key, headers=[*STRUCTURED_HEADERS])
            own += 1
        return own

    count = sum(await asyncio.gather(*[one_by_one() for _ in range(AT_ONCE)]))
    await producer.stop()
    return count


@asynccontextmanager
async def _patient(settings: Settings) -> AsyncIterator[Any]:
    connection = await connect(settings)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield connection
    finally:
        await connection.close()
