"""The ledger's intake, as a user runs it, beside the bare parts that it is made of."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import BaseModel

from events.envelope import STRUCTURED_HEADERS
from services.agreements.loading import load
from services.agreements.topics import topics
from services.local.parts import Parts
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from tests.benchmarks.bare_sql import (
    Statement,
    bare_rate,
    connect,
    divided_rate,
    intake,
    play,
    write_down,
    write_down_divided,
)
from tests.benchmarks.commands import command
from tests.benchmarks.figures import Ratio
from tests.benchmarks.memory import settle
from tests.benchmarks.mixture import ANSWERS, ONE, SIGNALS, TOWN, TOWN_OF_TWO, TWO, earlier, mixture
from tests.benchmarks.running import prepare, process, town, variables

COUNT, QUICK_COUNT = 20_000, 8_000
WARM_BATCHES = 4
PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.02
_READ_BY_OWNER = """
select owner, sum(next_offset)::int from reading where topic = any($1) group by owner
"""


class _Parsed(BaseModel):
    """What the hand-written loop reads of an event."""

    specversion: str
    id: str
    source: str
    type: str
    time: str
    data: dict[str, Any]


async def ratios(folder: Path, rounds: int, *, quick: bool) -> list[Ratio]:
    """The intake against the hand-written loop and its bare SQL, and two of it against four connections of SQL.

    Every round measures all five.
    """
    count = QUICK_COUNT if quick else COUNT
    measured = []
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        new = partial(town, parts, folder / "one", TOWN, metrics_port=0, log_level="error")
        larger = partial(town, parts, folder / "two", TOWN_OF_TWO, metrics_port=0, log_level="error")
        written = await write_down(new(), count)
        divided = await write_down_divided(larger(), count)
        for _ in range(rounds):
            ledger = await ledger_rate(new(), count)
            loop = await loop_rate(new(), written, count)
            bare = await bare_rate(new(), written, WARM_BATCHES, count)
            two = await ledger_rate(larger(), count, TWO)
            four = await divided_rate(larger(), divided, count)
            measured.append((ledger, loop, bare, two, four))
    ours, loops, bares, twos, fours = zip(*measured, strict=True)
    return [
        Ratio("ledger intake, of the hand-written loop", ours, loops, 0.85, "events/s"),
        Ratio("ledger intake, of its bare SQL", ours, bares, 0.45, "events/s"),
        Ratio("two ledgers, of the bare SQL on four connections", twos, fours, 0.80, "events/s"),
    ]


async def ledger_rate(settings: Settings, count: int, departments: Sequence[str] = ONE) -> float:
    """Events per second of as many `koikarper run ledger` as departments share the work; what came before is read.

    Nothing is counted of a start or of a rebalance: every worker has its partitions and is warm, stands still while
    the topics are filled, and the clock begins when each has worked some of them.
    """
    workers = len(departments)
    await prepare(settings)
    async with _ledgers(settings, workers) as running, _looking(settings) as read:
        await _until(read.owners, workers)
        first = await _send(settings, earlier(count, departments))
        await _until(read.records, first)
        with _standing_still(running):
            before = await read.each()
            last = first + await _send(settings, mixture(count, departments))
        await _until(lambda: read.least(before), WARM_BATCHES * settings.batch_records // workers)
        begun, warm = time.perf_counter(), await read.records()
        await _until(read.records, last)
        seconds = time.perf_counter() - begun
    await _check(settings, count)
    return (last - warm) / seconds


async def loop_rate(settings: Settings, written: Sequence[Sequence[Statement]], count: int) -> float:
    """Events per second of the best loop that one can write by hand: read, parse, and the same statements."""
    async with intake(settings, count):
        pass
    await ensure(settings, topics(load(settings.agreements)))
    await _send(settings, mixture(count))
    names = [f"{settings.topic_prefix}{topic}" for topic in (SIGNALS, *ANSWERS[:1])]
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=settings.kafka,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=10,  # or it waits for partitions that are at their end while others hold more
    )
    await consumer.start()
    connection = await connect(settings)
    settle()
    begun, done, waiting = 0.0, 0, 0
    while done < len(written):
        found = await consumer.getmany(timeout_ms=20, max_records=settings.batch_records)
        for message in (one for several in found.values() for one in several):
            _Parsed.model_validate_json(message.value)
            waiting += 1
        while done < len(written) and waiting >= settings.batch_records:
            await play(connection, written[done])
            done, waiting = done + 1, waiting - settings.batch_records
            begun = time.perf_counter() if done == WARM_BATCHES else begun
    seconds = time.perf_counter() - begun
    await connection.close()
    await consumer.stop()
    return (count - WARM_BATCHES * settings.batch_records) / seconds


async def _check(settings: Settings, count: int) -> None:
    """A rate counts only when the work was done: every new signal and every answer is there, and none was refused."""
    connection = await connect(settings)
    answered = await connection.fetchval("select count(*) from assignment where state = 'acknowledged'")
    recorded = await connection.fetchval("select count(*) from record where refused is null")
    await connection.close()
    if (answered, recorded) != (count * 3 // 10, count * 12 // 10):
        raise RuntimeError(f"the ledger took in {recorded} events and {answered} answers, of {count}")


async def _send(settings: Settings, events: Iterable[tuple[str, bytes, bytes]]) -> int:
    """Publish the events, as their keys say; how many there were."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, linger_ms=5)
    await producer.start()
    sent = [
        await producer.send(f"{settings.topic_prefix}{topic}", value, key, headers=[*STRUCTURED_HEADERS])
        for topic, key, value in events
    ]
    await asyncio.gather(*sent)
    await producer.stop()
    return len(sent)


@asynccontextmanager
async def _ledgers(settings: Settings, workers: int) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                process(command("run", "ledger"), variables(settings.model_copy(update={"instance": str(number)})))
            )
            for number in range(workers)
        ]


@contextmanager
def _standing_still(running: Iterable[Process]) -> Iterator[None]:
    """As on a machine that has no time for them; they keep all that they have."""
    for one in running:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in running:
            one.send_signal(signal.SIGCONT)


class _Reading:
    """What the ledgers have read, as the database says."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection

    async def each(self) -> dict[str, int]:
        """How many records of the mixture's topics have been read of the partitions of each worker."""
        return dict(await self._connection.fetch(_READ_BY_OWNER, [SIGNALS, *ANSWERS]))

    async def owners(self) -> int:
        """How many workers have partitions of those; whoever comes first has them all until the next one joins."""
        return len(await self.each())

    async def records(self) -> int:
        """All records that have been read."""
        return sum((await self.each()).values())

    async def least(self, before: Mapping[str, int]) -> int:
        """What the worker that did least has read since `before`."""
        each = await self.each()
        return min(each[owner] - read for owner, read in before.items())


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncIterator[_Reading]:
    connection = await connect(settings)
    try:
        yield _Reading(connection)
    finally:
        await connection.close()


async def _until(number: Callable[[], Awaitable[int]], least: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await number() < least:  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(PAUSE_SECONDS)
