"""How long good signals take to their department while one record in twenty is poison."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
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
SECONDS, QUICK_SECONDS = 20.0, 8.0
WARM_SECONDS = 3.0
GOAL_MS = 1_000.0
PATIENCE_SECONDS = 120.0
PERCENTILES = (0.5, 0.95, 0.99)
_DEAD = "select count(*) from dead_letter"

CASES: Mapping[str, Mapping[str, Sort]] = {
    "no poison": {},
    "poison of every sort": poisons.EARLY | poisons.LATE,
    "poison that is seen on reading": poisons.EARLY,
    "poison that the database refuses": {REFUSED: poisons.LATE[REFUSED]},
    "poison on which the work fails": {FAILING: poisons.LATE[FAILING]},
}


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
    delays: dict[str, list[list[float]]] = {case: [] for case in CASES}
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(Parts(folder / "parts", kafka_port=0, database_port=0))
        settings = town(parts, folder, TOWN)
        await prepare(settings)
        await refuse_some(settings)
        for name in ("ledger", "relay"):
            own = settings.model_copy(update={"metrics_port": free_port()})
            await stack.enter_async_context(service(own, name))
        post, sent = await _post(settings, stack), 0
        for round_ in range(rounds):
            for number, (case, sorts) in enumerate(CASES.items()):
                poison = Poisons(round_ * len(CASES) + number, sorts)
                delays[case].append(await _delays_ms(post, poison, seconds))
                sent += poison.total
        await _check(settings, sent)
    return [_figure(case, delays[case], delays["no poison"]) for case in CASES]


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


async def _check(settings: Settings, poison: int) -> None:
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


def _figure(case: str, rounds: Sequence[list[float]], clean: Sequence[list[float]]) -> Figure:
    value, ours = _middle(rounds), ", ".join(_said(rounds))
    against = f"; {value[-1] / _middle(clean)[-1]:.1f} times that without poison" if rounds is not clean else ""
    what = f"delay of good signals at {RATE}/s, p99: {case}"
    return Figure(what, value[-1], GOAL_MS, "ms", f"{ours}{against}")


def _middle(rounds: Sequence[list[float]]) -> list[float]:
    """The median over the rounds of each percentile."""
    return [sorted(percentile(one, share) for one in rounds)[len(rounds) // 2] for share in PERCENTILES]


def _said(rounds: Sequence[list[float]]) -> list[str]:
    spread = sorted(percentile(one, PERCENTILES[-1]) for one in rounds)
    middles = [f"p{share * 100:.0f} {value:.0f} ms" for share, value in zip(PERCENTILES, _middle(rounds), strict=True)]
    return [*middles, f"{len(rounds)} rounds, {spread[0]:.0f} to {spread[-1]:.0f}"]
