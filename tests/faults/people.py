"""Teams and departments: they report, read what they are told, and answer, over HTTP and Kafka, well and badly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]  # no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from events.envelope import STRUCTURED, STRUCTURED_HEADERS, encode
from services.local.keys import token
from tests.faults import town
from tests.faults.history import Answer, History, Sent
from tests.faults.plan import Plan, drawing
from tests.faults.speech import Speech

Raw = dict[str, Any]
TRIES, PAUSE_SECONDS, TIMEOUT_SECONDS = 20, 0.4, 4.0
BURST = 10
RECORDS_PER_REPORT = 4
"""A report and what is answered to it, about: the share of poison is of all records."""
STYLES = ("prompt", "prompt", "late", "silent", "hand-over", "extend", "resolve", "confused")


class People:
    """Everybody outside; `live` until they have said everything, `stop` ends what still waits."""

    def __init__(self, plan: Plan, kafka: str, prefix: str, gateway: str, callers: Any, history: History) -> None:
        self.plan = plan
        self.history = history
        self.burst = False
        self.silent: set[str] = set()
        self.departments = list(town.DEPARTMENTS)
        self._lot = drawing(plan.seed, "people")
        self._kafka, self._prefix, self._gateway = kafka, prefix, gateway
        self._callers = callers
        self._speech = Speech()
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and begin to read."""
        self._producer = AIOKafkaProducer(bootstrap_servers=self._kafka, acks="all", request_timeout_ms=4000)
        await self._producer.start()
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Fall silent."""
        tasks = [*self._tasks, *([self._reader] if self._reader else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._producer.stop()

    async def report(self) -> None:
        """All teams report what the plan says, at its pace; ten times as fast while there is a burst."""
        for number in range(self.plan.signals):
            for copy in range(BURST if self.burst else 1):
                self._do(self._report(number, drawing(self.plan.seed, number, copy)))
            if self._lot.random() < RECORDS_PER_REPORT * self.plan.poison:
                self._do(self._poison())
            await asyncio.sleep(self._lot.uniform(0, 2) * self.plan.seconds / self.plan.signals)

    async def settled(self, seconds: float) -> None:
        """Wait until nobody has anything to say, no longer than so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(set(self._tasks), timeout=0.2)

    async def again(self) -> None:
        """Everything that was accepted is said once more."""
        for sent in list(self.history.sent):
            if sent.answer == "accepted" and sent.source:
                self._do(self._over_kafka(sent.topic, json.loads(sent.value), sent.value))

    def _do(self, work: Awaitable[Any]) -> None:
        async def done() -> None:
            await work

        task = asyncio.create_task(done())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _report(self, number: int, lot: random.Random) -> None:
        team = lot.choice(town.TEAMS)
        topic, raw = self._speech.signal(team, lot, number)
        await self._say(topic, raw, f"team:{team}", lot)

    async def _poison(self) -> None:
        said = [json.loads(sent.value) for sent in self.history.sent if sent.source and sent.answer == "accepted"]
        topic, value, headers = self._speech.poison(self._lot, said)
        await self._over_kafka(topic, None, value, headers)

    async def _say(self, topic: str, raw: Raw, who: str, lot: random.Random) -> None:
        """Send it one way or the other, and sometimes once more."""
        value = encode(raw)
        if lot.random() < self.plan.over_http:
            await self._over_http(topic, raw, value, who)
        else:
            await self._over_kafka(topic, raw, value)
        if lot.random() < self.plan.repeats:
            await asyncio.sleep(lot.uniform(0.05, 2))
            await self._over_kafka(topic, raw, value)

    async def _over_kafka(self, topic: str, raw: Raw | None, value: bytes, headers: Any = STRUCTURED_HEADERS) -> None:
        answer: Answer = "unknown"
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    key = str((raw or {}).get("id", "")).encode()
                    await self._producer.send_and_wait(self._prefix + topic, value, key=key, headers=list(headers))
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                answer = "accepted"
                break
        source, id_ = (raw["source"], raw["id"]) if raw else ("", "")
        self.history.sent.append(Sent(topic, source, id_, value, "kafka", answer))

    async def _over_http(self, topic: str, raw: Raw, value: bytes, who: str) -> None:
        headers = {"authorization": f"Bearer {token(self._callers, who)}", "content-type": STRUCTURED}
        answer: Answer = "unknown"
        for _ in range(TRIES):
            try:
                response = await self._client.post(f"{self._gateway}/v1/events", content=value, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if response.status_code == httpx.codes.ACCEPTED:
                answer = "accepted"
                break
            if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                answer = "refused"
                break
            await asyncio.sleep(PAUSE_SECONDS)
        self.history.sent.append(Sent(topic, raw["source"], raw["id"], value, "http", answer))

    async def _read(self) -> None:
        names = [f"department.{code}.assignments" for code in (*town.DEPARTMENTS, town.HEIR)]
        names += [f"team.{code}.feedback" for code in town.TEAMS]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka, auto_offset_reset="earliest", request_timeout_ms=8000
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self._prefix + name, 0) for name in names])
            while True:
                try:
                    found = await consumer.getmany(timeout_ms=200)
                except (KafkaError, OSError):
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                for partition, records in found.items():
                    for record in records:
                        self._hear(partition.topic.removeprefix(self._prefix), json.loads(record.value))
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()

    def _hear(self, topic: str, raw: Raw) -> None:
        """Each event is taken in once, and answered as the seed says for this very event."""
        domain, code, _ = topic.split(".")
        key = f"{topic} {raw['source']} {raw['id']}"
        if key in self._known or code in self.silent:
            return
        self._known.add(key)
        lot = drawing(self.plan.seed, key)
        what = raw["type"].removeprefix("nl.koikarper.").removesuffix(".v1")
        act: Callable[..., Awaitable[None]] | None = {
            ("department", "assignments.assigned"): self._work,
            ("department", "signals.contested"): self._work_again,
            ("team", "signals.resolution-proposed"): self._judge,
            ("team", "assignments.assigned"): self._talk,
        }.get((domain, what))
        if act is not None:
            self._do(act(code, raw["data"], lot))

    async def _work(self, code: str, data: Raw, lot: random.Random) -> None:
        for pause, name, more in _course(lot.choice(STYLES), lot, [*town.DEPARTMENTS]):
            await asyncio.sleep(pause)
            who = lot.choice(town.DEPARTMENTS) if name == "foreign" else code
            assignment = str(uuid.UUID(int=lot.getrandbits(128))) if name == "unknown" else data["assignment"]
            verb = "acknowledged" if name in {"foreign", "unknown"} else name
            await self._say(*self._speech.answer(who, verb, assignment, lot, more), f"department:{who}", lot)

    async def _work_again(self, code: str, data: Raw, lot: random.Random) -> None:
        for assignment in data.get("assignments", []):
            await asyncio.sleep(lot.uniform(0.1, 1))
            await self._say(*self._speech.answer(code, "resolved", assignment, lot, {}), f"department:{code}", lot)

    async def _judge(self, code: str, data: Raw, lot: random.Random) -> None:
        verb = lot.choice(("confirmed", "confirmed", "contested", "silent"))
        if verb != "silent":
            await asyncio.sleep(lot.uniform(0.1, 2.5))
            await self._say(*self._speech.word(code, verb, data["signal"], lot), f"team:{code}", lot)

    async def _talk(self, code: str, data: Raw, lot: random.Random) -> None:
        verb = lot.choices(("silent", "contact-recorded", "withdrawn"), (85, 10, 5))[0]
        if verb != "silent":
            await asyncio.sleep(lot.uniform(0.1, 3))
            await self._say(*self._speech.word(code, verb, data["signal"], lot), f"team:{code}", lot)


def _course(style: str, lot: random.Random, departments: list[str]) -> list[tuple[float, str, Raw]]:
    """What a department does with an assignment: pauses, answers, and what they say besides."""
    soon, later = lot.uniform(0.1, 1.2), lot.uniform(0.3, 2.0)
    courses: dict[str, list[tuple[float, str, Raw]]] = {
        "prompt": [(soon, "acknowledged", {}), (later, "resolved", {})],
        "late": [(soon + 2.0, "acknowledged", {}), (later + 1.5, "resolved", {})],
        "silent": [],
        "hand-over": [(soon, "handed-over", {"to": lot.choice(departments)})],
        "extend": [(soon, "acknowledged", {}), (0.2, "extended", {}), (later + 1, "resolved", {})],
        "resolve": [(later, "resolved", {}), (0.1, "resolved", {})],
        "confused": [(soon, "foreign", {}), (0.1, "unknown", {}), (later, "acknowledged", {})],
    }
    return courses[style]
