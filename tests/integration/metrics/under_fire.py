"""What a test under fire needs: services as processes of their own, a workload, and a scraper that never looks away."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaProducer

from events.catalogue import PREFIX, neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import assignment_id, signal_id
from services.agreements.loading import load
from services.local.demo.stories import stories
from services.local.ports import LOOPBACK, Reserved
from services.runtime.settings import Settings
from tests.integration.metrics.recount import SNAPSHOT, Sample, counters, of, parsed

ROOT = Path(__file__).parents[3]
TEAM = "urn:nld:oin:00000099000000001000:systeem:wijkteam-app/noord"
PAUSE_SECONDS = 0.02
DEPARTMENTS = ("permits", "concern-control", "social-support", "municipal-secretary")
PATIENCE_SECONDS = 60


class Process:
    """`koikarper run` of some services on the settings of a test; starts when entered."""

    def __init__(self, settings: Settings, folder: Path, *services: str) -> None:
        reserved = Reserved(0, "health", "")
        self.port = reserved.port
        reserved.release()
        self._services = services
        self._log = folder / f"{services[0]}.log"
        self._environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "KOIKARPER_AGREEMENTS": str(settings.agreements),
            "KOIKARPER_KAFKA": settings.kafka,
            "KOIKARPER_DATABASE": settings.database.get_secret_value(),
            "KOIKARPER_DATABASE_SCHEMA": settings.database_schema,
            "KOIKARPER_TOPIC_PREFIX": settings.topic_prefix,
            "KOIKARPER_SETTLE": str(settings.settle.total_seconds()),
            "KOIKARPER_SNAPSHOT_EVERY": "0.3",
            "KOIKARPER_METRICS_PORT": str(self.port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "services.cli", "run", *self._services]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """As power does."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-4000:]
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)

    async def stop(self) -> None:
        """In good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, 30)

    async def until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            while not await self._is_ready(client):  # noqa: ASYNC110 - it is asked as operations ask it
                await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-4000:]
        try:
            return (await client.get(f"http://{LOOPBACK}:{self.port}/health/ready")).is_success
        except httpx.TransportError:
            return False

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class Scraper:
    """Scrapes all the while; what fell between two scrapes is in `fell`."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}/metrics"
        self._task: asyncio.Task[None] | None = None
        self.fell: list[str] = []
        self.scrapes = 0
        self.last: dict[Sample, float] = {}
        self.text = ""

    async def until(self, name: str, total: float) -> None:
        """Until the samples of a name add up to `total`."""
        await self._until(lambda: sum(of(self.last, name).values()) == total)

    async def until_any(self, *names: str) -> None:
        """Until each of these names has counted something: what only time brings may come after the last kill."""
        await self._until(lambda: all(sum(of(self.last, name).values()) for name in names))

    async def fresh(self) -> str:
        """The scrape of a snapshot that is made from now on."""
        now = datetime.now(UTC).timestamp()
        await self._until(lambda: self.last[SNAPSHOT] > now)
        return self.text

    async def _until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not seen():  # noqa: ASYNC110 - it is scraped
                await asyncio.sleep(0.05)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):  # killed
                    self._seen((await client.get(self._url)).text)
                await asyncio.sleep(0.1)

    def _seen(self, text: str) -> None:
        samples = parsed(text)
        if SNAPSHOT not in samples:
            return  # before its first snapshot an exporter serves nothing of the ledger
        before = counters(self.last)
        self.fell += [
            f"{sample}: {value} to {samples.get(sample)}"
            for sample, value in before.items()
            if samples.get(sample, -1) < value
        ]
        self.scrapes += 1
        self.last, self.text = samples, text


class Workload:
    """A team that reports and departments that answer, straight onto Kafka; unreadable words are among them."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a seed makes the work repeatable
        self._prefix = settings.topic_prefix
        departments = load(settings.agreements).departments
        self._sources = {code: department.sources[0] for code, department in departments.items()}
        self._producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True)
        self._task: asyncio.Task[None] | None = None
        self._ids: list[uuid.UUID] = []
        self.told: Counter[str] = Counter()

    @property
    def signals(self) -> int:
        """How many were reported."""
        return self.told["signals"]

    async def stop(self) -> None:
        """Say no more; raises what went wrong."""
        if self._task is not None:
            self._task.cancel()
            (ended,) = await asyncio.gather(self._task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended
            self._task = None
            await self._producer.stop()

    async def __aenter__(self) -> Self:
        await self._producer.start()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _run(self) -> None:
        for kind, story in stories():
            id_ = str(uuid.UUID(int=self._chance.getrandbits(128)))
            data = {"team": "noord", "neighbourhood": "WK999901", **story}
            signal_ = signal_id(TEAM, id_)
            event = self._event(id_, signal_type(kind), TEAM, data)
            await asyncio.shield(self._send(neighbourhood_topic(kind), signal_, event, "signals"))
            self._ids.append(signal_)
            await asyncio.shield(self._answer())
            await asyncio.sleep(PAUSE_SECONDS)

    async def _answer(self) -> None:
        """About one that is some time ago, so that it is known; what does not fit is refused, as in life."""
        signal_ = self._chance.choice(self._ids[-400:])
        department = self._chance.choice(DEPARTMENTS)
        topic = f"department.{department}.answers"
        if self._chance.random() < 0.02:
            await self._send(topic, signal_, b"\xff", "unreadable")
            return
        verb, said = self._said()
        if verb in {"confirmed", "contested"}:
            topic, data = "team.noord.answers", {"signal": str(signal_), "by": "connector"} | said
            type_ = f"{PREFIX}.signals.{verb}.v1"
        else:
            data = {"assignment": str(assignment_id(signal_, department, 1)), "by": "clerk"} | said
            type_ = f"{PREFIX}.assignments.{verb}.v1"
        id_ = str(uuid.UUID(int=self._chance.getrandbits(128)))
        source = TEAM if topic.startswith("team") else self._sources[department]
        await self._send(topic, signal_, self._event(id_, type_, source, data), verb)

    def _said(self) -> tuple[str, dict[str, Any]]:
        said: dict[str, dict[str, Any]] = {
            "acknowledged": {"contact": {"role": "clerk", "reach": "14 020"}},
            "handed-over": {"to": self._chance.choice(DEPARTMENTS), "reason": "not ours"},
            "resolved": {"outcome": "solved", "explanation": "done"},
            "confirmed": {},
            "contested": {"reason": "it is not so"},
        }
        verb = self._chance.choices([*said], [4, 1, 4, 2, 1])[0]
        return verb, said[verb]

    def _event(self, id_: str, type_: str, source: str, data: dict[str, Any]) -> bytes:
        return encode(structured(id_=id_, source=source, type_=type_, time=datetime.now(UTC), data=data))

    async def _send(self, topic: str, key: uuid.UUID, value: bytes, what: str) -> None:
        await self._producer.send_and_wait(
            f"{self._prefix}{topic}", value, key=str(key).encode(), headers=list(STRUCTURED_HEADERS)
        )
        self.told[what] += 1
