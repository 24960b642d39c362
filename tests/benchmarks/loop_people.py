"""Teams that report and confirm, and departments that answer: the people of the whole loop, in one cheap program."""

import asyncio
import contextlib
import json
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.benchmarks import loop_town
from tests.benchmarks.loop_town import LATE_SECONDS, PROMPT, SIGNALS, Message
from tests.benchmarks.poisons import Poisons

TICK_SECONDS = 0.02
LATE_SHARE = 0.02
UNDER_WAY_MAX = 20_000
"""No more signals are sent than may be under way: what the loop cannot keep up with must not fill our own memory."""
PATIENCE_SECONDS = 60.0

_ASSIGNED, _PROPOSED, _CLOSED = "assignments.assigned.v1", "signals.resolution-proposed.v1", "signals.closed.v1"


class People:
    """`async with People(kafka, poison_share)`: they answer all the while; `keep` and `pace` make them report."""

    def __init__(self, kafka: str, poison_share: float, seed: int = 1) -> None:
        self._kafka = kafka
        self._share = poison_share
        self._lot = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self.poisons = Poisons(seed)
        self._producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5, acks="all", compression_type="zstd")
        self.readers = {
            "departments": _reader(kafka, *loop_town.department_topics()),
            "teams": _reader(kafka, *loop_town.team_topics()),
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._later: deque[tuple[float, Message]] = deque()
        self._number = 0
        self.under_way: dict[str, float] = {}
        """Signals that were sent and are not yet closed, and when; without those that are answered late."""
        self.to_department_ms: list[float] = []
        """From sending a signal to its arrival at the department; whoever looks at them takes them away."""
        self.sent = self.closed = 0
        self.held_back_seconds = 0.0

    async def __aenter__(self) -> Self:
        await asyncio.gather(self._producer.start(), *(reader.start() for reader in self.readers.values()))
        self._tasks = [
            asyncio.create_task(self._read("departments", self._at_department)),
            asyncio.create_task(self._read("teams", self._at_team)),
            asyncio.create_task(self._answer_later()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(self._producer.stop(), *(reader.stop() for reader in self.readers.values()))

    def check(self) -> None:
        """Raise what ended one of them, if anything did."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def keep(self, window: int, until: Callable[[], bool]) -> None:
        """Keep `window` signals under way: as fast as the whole loop goes round, and no faster."""
        while not until():
            self.check()
            for _ in range(window - len(self.under_way)):
                await self._report()
            await asyncio.sleep(TICK_SECONDS)

    async def pace(self, per_second: float, until: Callable[[], bool]) -> None:
        """Report at a steady rate, whatever comes back; only far too many under way hold them back."""
        begun, done = time.perf_counter(), 0
        while not until():
            self.check()
            if len(self.under_way) >= UNDER_WAY_MAX:
                held = time.perf_counter()
                await asyncio.sleep(TICK_SECONDS)
                held = time.perf_counter() - held
                self.held_back_seconds += held
                begun += held
                continue
            for _ in range(int((time.perf_counter() - begun) * per_second) - done):
                await self._report()
                done += 1
            await asyncio.sleep(TICK_SECONDS)

    @property
    def answers_to_come(self) -> int:
        """Of the departments that take their time."""
        return len(self._later)

    async def _report(self) -> None:
        if self._lot.random() < self._share:
            await self._send(next(self.poisons)[1])
        self._number += 1
        late = self._lot.random() < LATE_SHARE
        source, event = loop_town.signal(self._number, late=late)
        self.poisons.known = SIGNALS, event
        if not late:
            self.under_way[loop_town.signal_key(source, event)] = time.perf_counter()
        self.sent += 1
        await self._send(loop_town.message(SIGNALS, event))

    async def _send(self, message: Message) -> None:
        topic, key, value, headers = message
        await self._producer.send(topic, value, key, headers=[*headers])

    async def _read(self, who: str, hear: Callable[[str, dict[str, Any]], Awaitable[None]]) -> None:
        while True:
            found = await self.readers[who].getmany(timeout_ms=200, max_records=500)
            for partition, messages in found.items():
                code = partition.topic.split(".")[1]
                for record in messages:
                    await hear(code, json.loads(record.value))

    async def _at_department(self, code: str, event: dict[str, Any]) -> None:
        if not event["type"].endswith(_ASSIGNED):
            return
        answer = loop_town.resolved(code, event["data"]["assignment"])
        if code == PROMPT:
            if sent := self.under_way.get(event["data"]["signal"]):
                self.to_department_ms.append((time.perf_counter() - sent) * 1000)
            await self._send(answer)
        else:
            self._later.append((time.perf_counter() + LATE_SECONDS, answer))

    async def _at_team(self, code: str, event: dict[str, Any]) -> None:
        if event["type"].endswith(_PROPOSED):
            await self._send(loop_town.confirmed(code, event["data"]["signal"]))
        elif event["type"].endswith(_CLOSED):
            self.closed += 1
            self.under_way.pop(event["data"]["signal"], None)

    async def _answer_later(self) -> None:
        while True:
            while self._later and self._later[0][0] <= time.perf_counter():
                await self._send(self._later.popleft()[1])
            await asyncio.sleep(0.2)


def _reader(kafka: str, *topics: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(*topics, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
