"""One run of one seed: services, people, faults; then healing, rest, final reads, and the checker."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from pydantic import SecretStr

from services.agreements.loading import load, parse
from services.agreements.topics import topics
from services.ledger.migrations import migrate
from services.local.ports import Reserved
from services.runtime.settings import Settings
from services.runtime.topics import delete, ensure
from services.timekeeper.horizon import asked_for
from tests.faults import plan, town
from tests.faults.arena import Arena
from tests.faults.checker import Anomaly, absorbed, check
from tests.faults.crew import Crew, Trap
from tests.faults.history import History
from tests.faults.injecting import inject
from tests.faults.people import People
from tests.faults.readout import CounterWatch, read_all
from tests.faults.rest import Rest

SETTLE = timedelta(seconds=0.5)
ANSWERING_SECONDS = 4.0
"""How long people may answer after the last report."""
READY_SECONDS = 40
UNREACHABLE_SECONDS = 3.0
COUNTER_SECONDS = 0.25
TEAM = {"ledger": 2, "relay": 2, "timekeeper": 1, "gateway": 1}


@dataclass(slots=True)
class Result:
    """What a run was, and what was found."""

    seed: int
    faults: list[str]
    sprung: dict[str, int]
    seconds: float
    events: int
    accepted: int
    repeats: int
    letters: int
    deaths: int
    counter_looks: int
    anomalies: list[Anomaly]
    notes: list[str] = field(default_factory=list)


class Run:
    """One run; `execute` gives its result, and `history` is there afterwards."""

    def __init__(
        self, plan_: plan.Plan, arena: Arena, folder: Path, migrating: asyncio.Lock, *, build: str = ""
    ) -> None:
        """`migrating` is held while tables are made: Alembic knows one migration at a time in a process."""
        self.plan = plan_
        self.arena = arena
        self.folder = folder
        self.history = History()
        self.notes: list[str] = []
        self.unreachable_seconds = UNREACHABLE_SECONDS
        self.schema = f"seed_{plan_.seed}_{time.time_ns() % 10**9}"
        self.prefix = f"{self.schema}."
        self.agreements = folder / "agreements.yaml"
        self._build = build
        self._migrating = migrating

    async def execute(self) -> Result:
        """Live it through, and check it."""
        begun = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.agreements.write_text(town.town())
        await self._prepare()
        try:
            await self._live()
            sprung, deaths = self.crew.traps_sprung(), sum(self.crew.deaths.values())
        finally:
            await self.crew.kill_all()
        self.history.current = load(self.agreements).version
        await read_all(self.settings, self.arena.direct, self.history)
        anomalies = await asyncio.to_thread(check, self.history)
        await self._tidy()
        return self._result(begun, sprung, deaths, anomalies)

    def failed(self, error: Exception) -> Result:
        """What there is to say of a run that did not come to its end."""
        what = "".join(traceback.format_exception(error))
        faults = [fault.kind for fault in self.plan.faults]
        anomaly = Anomaly("not run to its end", str(self.plan.seed), what)
        return Result(self.plan.seed, faults, {}, 0.0, 0, 0, 0, 0, 0, 0, [anomaly], self.notes)

    async def _prepare(self) -> None:
        """Settings, tables and topics: those of the renamed town too, so that everybody outside can read them."""
        port = Reserved(0, "the gateway", "gateway_port")
        given: dict[str, Any] = {
            "agreements": self.agreements,
            "kafka": self.arena.kafka,
            "database": SecretStr(self.arena.database),
            "topic_prefix": self.prefix,
            "database_schema": self.schema,
            "settle": SETTLE,
            "kafka_timeout": timedelta(seconds=3),
            "backoff_max": timedelta(seconds=1),
            "gateway_port": port.port,
            "jwks": self.arena.jwks,
            "replication_factor": 3 if self.plan.arena == "cluster" else 1,
            "min_insync_replicas": 2 if self.plan.arena == "cluster" else 1,
        }
        self.settings = Settings(**given)
        asked = {topic.name: topic for text in (town.town(), town.renamed_town()) for topic in topics(parse(text))}
        async with self._migrating:
            await asyncio.gather(migrate(self.settings), ensure(self.settings, asked.values()))
        port.release()
        self.crew = Crew(given, self.folder / "services.log", self._build)
        self.gateway = f"http://127.0.0.1:{self.settings.gateway_port}"
        callers = self.arena.folder / "callers"
        self.people = People(self.plan, self.arena.kafka, self.prefix, self.gateway, callers, self.history)

    async def _live(self) -> None:
        for service, count in TEAM.items():
            for number in range(count):
                self.crew.add(service, str(number), self._traps(service, number))
        self.crew.watch()
        await self._until(self._gateway_listens, READY_SECONDS)
        await self._until(self._all_is_read, READY_SECONDS)
        await self.people.start()
        watch = CounterWatch(self.history, self.schema, self.arena.direct)
        watching = asyncio.create_task(_often(watch.look, COUNTER_SECONDS))
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self.people.report(), *(inject(self, fault) for fault in self.plan.faults)):
                    group.create_task(work)
            await self.people.settled(ANSWERING_SECONDS)
            await self.arena.whole()
            await self.crew.thawed()
            await self.people.settled(ANSWERING_SECONDS)
        finally:
            await self.people.stop()
        try:
            rest = Rest(self.settings, self.arena.direct, self.schema, self.agreements)
            self.history.unsettled = await rest.come()
            self.history.settled_until = rest.settled_until
            self.history.read_at = datetime.now(UTC)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self.looks = watch.looks

    def _traps(self, service: str, number: int) -> list[Trap]:
        """The points of this service at which its workers are killed, in turn.

        A ledger is frozen with a batch in hand: the harm that a zombie can do.
        """
        traps: list[Trap] = [
            (fault.kind.removeprefix("kill-"), fault.options["hit"], signal.SIGKILL)
            for fault in self.plan.faults
            if plan.POINTS.get(fault.kind) == service
        ]
        traps += [
            ("polled", fault.options["hit"], signal.SIGSTOP)
            for fault in self.plan.faults
            if service == "ledger" and fault.kind == "freeze-ledger" and fault.options["which"] == number
        ]
        return traps

    async def _gateway_listens(self) -> bool:
        async with httpx.AsyncClient(timeout=2) as client:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"{self.gateway}/health/live")).is_success
        return False

    async def _all_is_read(self) -> bool:
        """Some ledger has each partition: three brokers let a group wait for its members before they share."""
        asked = asked_for([load(self.agreements)])
        connection = await asyncpg.connect(self.arena.direct)
        try:
            count: int = await connection.fetchval(f'select count(*) from "{self.schema}".reading')  # noqa: S608 - ours
        finally:
            await connection.close()
        return count >= len(asked)

    async def _until(self, holds: Callable[[], Awaitable[bool]], seconds: float) -> None:
        limit = time.monotonic() + seconds
        while not await holds():
            assert time.monotonic() < limit, "the services do not start; see services.log"
            await asyncio.sleep(0.1)

    async def _tidy(self) -> None:
        """A broker with few topics starts soon after it was killed."""
        asked = {topic.name for text in (town.town(), town.renamed_town()) for topic in topics(parse(text))}
        await delete(self.settings, sorted(asked))
        connection = await asyncpg.connect(self.arena.direct)
        try:
            await connection.execute(f'drop schema "{self.schema}" cascade')
        finally:
            await connection.close()

    def _result(self, begun: float, sprung: Counter[str], deaths: int, anomalies: list[Anomaly]) -> Result:
        return Result(
            seed=self.plan.seed,
            faults=[fault.kind for fault in self.plan.faults],
            sprung=dict(sprung),
            seconds=round(time.monotonic() - begun, 1),
            events=len(self.history.record),
            accepted=sum(sent.answer == "accepted" for sent in self.history.sent),
            repeats=absorbed(self.history),
            letters=len(self.history.letters),
            deaths=deaths,
            counter_looks=self.looks,
            anomalies=anomalies,
            notes=self.notes,
        )


async def _often(look: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        # A connection that is killed in the middle of an answer fails in many ways; the next look sees the same.
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            await look()
        await asyncio.sleep(seconds)
