"""How long good signals take to their department while one record in twenty is poison."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.local.parts import Parts
from services.runtime.settings import Settings
from tests.benchmarks import loop_town, poisons
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.loop_town import PROMPT, SIGNALS, TOWN, Message
from tests.benchmarks.poisons import FAILING, REFUSED, Poisons, Sort
from tests.benchmarks.refusing import refuse_some
from tests.benchmarks.running import free_port, prepare, service, town

SHARE = 0.05
RATE = 200
SECONDS, QUICK_SECONDS = 12.0, 8.0
WARM_SECONDS = 3.0
GOAL_MS = 1_000.0
PATIENCE_SECONDS = 300.0
PERCENTILES = (0.5, 0.95, 0.99)
_DEAD = "select count(*) from dead_letter"

CLEAN = "no poison"
MEANT = {
    "5 % of every sort": {**poisons.EARLY, **poisons.LATE},
    "5 % that is seen on reading": poisons.EARLY,
}
"""What the goal is about."""
CASES: Mapping[str, Mapping[str, Sort]] = {
    CLEAN: {},
    **MEANT,
    "5 % that the database refuses": {REFUSED: poisons.LATE[REFUSED]},
    "5 % on which the work fails": {FAILING: poisons.LATE[FAILING]},
}
"""The last two are the slow path alone: no such record is known, and each has to be looked for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One case in one round."""

    delays_ms: list[float]
    cpu_seconds: float  # of the ledger
    poison: int

    def percentile(self, share: float) -> float:
        """Of the delays."""
        return percentile(self.delays_ms, share)

    def cpu_ms_each(self, clean: "Measured") -> float:
        """What a bad record takes beside the same number of good signals without any."""
        return (self.cpu_seconds - clean.cpu_seconds) * 1000 / max(self.poison, 1)


@dataclass(slots=True)
class Post:
    """Sends to the town's topics and reads the department's; the moments are those of this program."""

    settings: Settings
    producer: AIOKafkaProducer
    acknowledged: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)

    async def send(self, message: Message, signal: str | None = None) -> None:
        """Send; for a good signal the moment of Kafka's word is kept."""
        topic, key, value, headers = message
        sent = await self.producer.send(f"{self.settings.topic_prefix}{topic}", value, key, headers=[*headers])
        if signal:
            sent.add_done_callback(partial(self._taken, signal))

    async def read(self, consumer: AIOKafkaConsumer) -> None:
        """Note what arrives, until it is cancelled."""
        async for record in consumer:
            self.arrived.setdefault(record.key.decode(), time.perf_counter())

    def _taken(self, signal: str, sent: "asyncio.Future[Any]") -> None:
        sent.result()
        self.acknowledged[signal] = time.perf_counter()


async def figures(folder: Path, rounds: int, *, quick: bool) -> list[Figure]:
    """The 99th percentile of the delay, with none and with every kind of poison, in turn, in each round."""
    seconds = QUICK_SECONDS if quick else SECONDS
    measured: dict[str, list[Measured]] = {case: [] for case in CASES}
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(Parts(folder / "parts", kafka_port=0, database_port=0))
        settings = town(parts, folder, TOWN)
        await prepare(settings)
        await refuse_some(settings)
        services = [
            await stack.enter_async_context(service(settings.model_copy(update={"metrics_port": free_port()}), name))
            for name in ("ledger", "relay")
        ]
        ledger = psutil.Process(services[0].pid)
        post, sent = await _post(settings, stack), 0
        for round_ in range(rounds):
            for number, (case, sorts) in enumerate(CASES.items()):
                poison = Poisons(round_ * len(CASES) + number, sorts)
                before = _cpu_seconds(ledger)
                delays = await _delays_ms(post, poison, seconds)
                sent += poison.total
                await _all_set_apart(settings, sent)
                measured[case].append(Measured(delays, _cpu_seconds(ledger) - before, poison.total))
    return [_figure(case, measured[case], measured[CLEAN]) for case in CASES]


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _post(settings: Settings, stack: AsyncExitStack) -> Post:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, linger_ms=2, acks="all")
    topic = f"{settings.topic_prefix}department.{PROMPT}.assignments"
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    for client in (producer, consumer):
        await client.start()
        stack.push_async_callback(client.stop)
    post = Post(settings, producer)
    reading = asyncio.create_task(post.read(consumer))
    stack.callback(reading.cancel)
    return post


async def _delays_ms(post: Post, poison: Poisons, seconds: float) -> list[float]:
    """Of every good signal after the warm-up; returns once the last has arrived."""
    counted: list[str] = []
    begun = time.perf_counter()
    warm, total = int(WARM_SECONDS * RATE), int((WARM_SECONDS + seconds) * RATE)
    for number in range(total):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
        source, event = loop_town.signal(number)
        signal = loop_town.signal_key(source, event)
        if number >= warm:
            counted.append(signal)
        await post.send(loop_town.message(SIGNALS, event), signal)
        poison.known = SIGNALS, event
        if poison.sorts and number * SHARE / (1 - SHARE) >= poison.total:
            await post.send(next(poison)[1])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(signal in post.arrived for signal in counted):  # noqa: ASYNC110 - another task reads
            await asyncio.sleep(0.05)
    return [(post.arrived[signal] - post.acknowledged[signal]) * 1000 for signal in counted]


async def _all_set_apart(settings: Settings, poison: int) -> None:
    """The figure counts only when every bad record was set apart."""
    connection = await asyncpg.connect(
        settings.database.get_secret_value(), server_settings={"search_path": settings.database_schema}
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (dead := await connection.fetchval(_DEAD)) != poison:
                if dead > poison:
                    raise RuntimeError(f"{dead} dead letters of {poison} bad records")
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


def _figure(case: str, rounds: Sequence[Measured], clean: Sequence[Measured]) -> Figure:
    middle = [statistics.median(one.percentile(share) for one in rounds) for share in PERCENTILES]
    worst = sorted(one.percentile(PERCENTILES[-1]) for one in rounds)
    note = [f"p{share * 100:.0f} {value:.0f} ms" for share, value in zip(PERCENTILES, middle, strict=True)]
    note.append(f"p99 in {len(rounds)} rounds {worst[0]:.0f} to {worst[-1]:.0f}")
    if rounds is not clean:
        more = statistics.median(one.cpu_ms_each(without) for one, without in zip(rounds, clean, strict=True))
        note.append(f"each bad record costs the ledger {more:.1f} ms of CPU")
    goal = GOAL_MS if case in MEANT else None
    return Figure(f"{RATE} good signals/s, delay p99: {case}", middle[-1], goal, "ms", "; ".join(note))
