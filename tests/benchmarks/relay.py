"""The relay as operations run it, beside a bare producer that sends the same records and asks no database."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.envelope import STRUCTURED_HEADERS
from services.local.parts import Parts
from services.runtime.options import connection, producing
from services.runtime.settings import Settings
from tests.benchmarks.commands import command
from tests.benchmarks.figures import Ratio
from tests.benchmarks.memory import settle
from tests.benchmarks.mixture import TOWN
from tests.benchmarks.outbox import Sent, emptied, keep, put_back
from tests.benchmarks.running import prepare, process, town, variables
from tests.benchmarks.topic_ends import TopicEnds

COUNT, QUICK_COUNT = 20_000, 8_000
"""Events of the mixture; each gives about two rows of the outbox, for its department and its team."""
AT_ONCE = 500
PATIENCE_SECONDS = 120


async def ratios(folder: Path, rounds: int, *, quick: bool) -> list[Ratio]:
    """Rows per second of the relay against those of `send` and gather; every round measures both."""
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        settings = town(parts, folder / "town", TOWN, log_level="error")
        await prepare(settings)
        rows = await keep(settings, QUICK_COUNT if quick else COUNT)
        measured = [(await relay_rate(settings, rows), await bare_rate(settings, rows)) for _ in range(rounds)]
    ours, bares = zip(*measured, strict=True)
    return [Ratio("relay, of a bare producer's send and gather", ours, bares, 0.50, "rows/s")]


async def relay_rate(settings: Settings, rows: Sequence[Sent]) -> float:
    """Rows per second from the outbox until they are deleted; the first quarter is not counted."""
    await put_back(settings)
    topics = {row.topic for row in rows}
    async with TopicEnds.opened(settings, topics) as ends:
        async with process(command("run", "relay"), variables(settings)), asyncio.timeout(PATIENCE_SECONDS):
            warm = await ends.reached(len(rows) // 4)
            begun = time.perf_counter()
            await ends.reached(len(rows))
            await emptied(settings)
            seconds = time.perf_counter() - begun
        if await ends.said() != _by_key(rows):
            raise RuntimeError("the relay did not publish each row once, in its signal's order")
    return (len(rows) - warm) / seconds


async def bare_rate(settings: Settings, rows: Sequence[Sent]) -> float:
    """Rows per second of a producer with the relay's own options: 500 sends, gathered, and the next 500."""
    producer = AIOKafkaProducer(**connection(settings, "bare") | producing(settings))
    await producer.start()
    settle()
    begun, warm = 0.0, len(rows) // 4
    for number, several in enumerate(_several(rows)):
        if number * AT_ONCE <= warm < (number + 1) * AT_ONCE:
            begun, warm = time.perf_counter(), number * AT_ONCE
        await asyncio.gather(
            *[
                await producer.send(
                    settings.topic_prefix + row.topic, row.value, row.key, headers=[*STRUCTURED_HEADERS]
                )
                for row in several
            ]
        )
    seconds = time.perf_counter() - begun
    await producer.stop()
    return (len(rows) - warm) / seconds


def _several(rows: Sequence[Sent]) -> Iterator[Sequence[Sent]]:
    for at in range(0, len(rows), AT_ONCE):
        yield rows[at : at + AT_ONCE]


def _by_key(rows: Sequence[Sent]) -> dict[tuple[str, bytes], list[bytes]]:
    """What a reader of the topics must find: for each topic and signal, its events in the ledger's order."""
    found: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    for row in rows:
        found[row.topic, row.key].append(row.value)
    return found
