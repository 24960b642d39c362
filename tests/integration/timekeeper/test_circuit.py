"""Ledger and timekeeper from their composition roots, on real Kafka: idle, frozen, stopped, and caught up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal as signals
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from events.catalogue import PREFIX, neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import AssignmentId, assignment_id, signal_id
from services.agreements.loading import parse
from services.agreements.topics import topics
from services.ledger import app as ledger
from services.ledger.migrations import migrate
from services.runtime.broker import Publisher
from services.runtime.clock import now
from services.runtime.database import engine
from services.runtime.topics import ensure
from services.timekeeper import app as timekeeper

if TYPE_CHECKING:
    from pathlib import Path

    from services.local.parts import Parts
    from services.runtime.service import Service
    from services.runtime.settings import Settings
    from services.timekeeper.timekeeper import Timekeeper

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  hasty: {acknowledge: 6 seconds, resolve: 8 weeks, confirm: 4 weeks, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: hasty}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
default: permits
patterns: {signals: 3, within: 90 days}
"""
TERM_SECONDS = 6
PATIENCE_SECONDS = 60
ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}


@dataclass
class Circuit:
    """What people write, and what the ledger makes of it; services are started and stopped by the test."""

    settings: Settings
    publisher: Publisher
    engine: Any
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, service: Service) -> Any:
        await service.start()
        self.stack.push_async_callback(service.stop)
        return service

    async def report(self, name: str) -> None:
        body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
        kind = signal_type("initiative-blocked")
        event = structured(id_=name, source="urn:noord", type_=kind, time=now(), data=body | {"blockedBy": "permit"})
        await self.publisher.send(neighbourhood_topic("initiative-blocked"), b"k", encode(event), STRUCTURED_HEADERS)

    async def acknowledge(self, name: str) -> None:
        own = {"assignment": str(assignment(name)), "by": "clerk"} | ACKNOWLEDGE
        type_ = f"{PREFIX}.assignments.acknowledged.v1"
        event = structured(id_=f"ack-{name}", source="urn:permits", type_=type_, time=now(), data=own)
        await self.publisher.send("department.permits.answers", b"k", encode(event), STRUCTURED_HEADERS)

    async def missed(self) -> list[str]:
        """The assignments whose deadline permits was told to have missed."""
        query = "select value from outbox where topic = 'department.permits.assignments' order by seq"
        async with self.engine.connect() as connection:
            events = [json.loads(row.value) for row in await connection.execute(text(query))]
        return [event["data"]["assignment"] for event in events if event["type"].endswith("deadline-missed.v1")]

    async def assigned(self, *names: str) -> None:
        async def found() -> bool:
            async with self.engine.connect() as connection:
                rows = await connection.execute(text("select id from assignment"))
                return {assignment(name) for name in names} <= {row.id for row in rows}

        await until(found)


def assignment(name: str) -> AssignmentId:
    return assignment_id(signal_id("urn:noord", name), "permits", 1)


def ids(*names: str) -> list[str]:
    return sorted(str(assignment(name)) for name in names)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what the services do is only seen from outside
            await asyncio.sleep(0.05)


async def time_passes(keeper: Timekeeper, *, beyond: datetime | None = None) -> datetime:
    """Wait until every partition is read, beyond this moment where one is given; the horizon."""

    async def passed() -> bool:
        at = (await keeper.horizon()).at
        return at is not None and (beyond is None or at > beyond)

    await until(passed)
    at = (await keeper.horizon()).at
    assert at is not None
    return at


@asynccontextmanager
async def at_work(settings: Settings) -> AsyncIterator[Circuit]:
    await asyncio.gather(migrate(settings), ensure(settings, topics(parse(TOWN))))
    publisher, database = Publisher(settings), engine(settings)
    await publisher.start()
    circuit = Circuit(settings, publisher, database)
    try:
        async with circuit.stack:
            yield circuit
    finally:
        await publisher.stop()
        await database.dispose()


@pytest.fixture
async def circuit(settings: Settings, tmp_path: Path) -> AsyncIterator[Circuit]:
    file = tmp_path / "agreements.yaml"
    file.write_text(TOWN)
    own = {"agreements": file, "settle": timedelta(seconds=1), "kafka_timeout": timedelta(seconds=40)}
    async with at_work(settings.model_copy(update=own)) as circuit:
        yield circuit


async def test_time_passes_while_nobody_says_anything(circuit: Circuit) -> None:
    keeper: Timekeeper = timekeeper.build(circuit.settings)
    assert (await keeper.horizon()).at is None
    begun = now()
    await circuit.start(ledger.build(circuit.settings))
    assert await time_passes(keeper, beyond=begun + timedelta(seconds=1)) < now()
    await keeper.stop()


async def test_who_does_not_answer_is_told_so_and_who_answered_in_time_is_not(circuit: Circuit) -> None:
    await circuit.start(ledger.build(circuit.settings))
    keeper = await circuit.start(timekeeper.build(circuit.settings))
    await time_passes(keeper)
    await circuit.report("answered")
    await circuit.report("silent")
    await circuit.assigned("answered", "silent")
    await circuit.acknowledge("answered")

    async def told() -> bool:
        return bool(await circuit.missed())

    await until(told)
    await asyncio.sleep(TERM_SECONDS)
    assert await circuit.missed() == ids("silent")
    [check] = await keeper.ready()
    assert (check.ok, check.detail) == (True, "")


async def test_a_frozen_broker_accuses_nobody_and_when_it_wakes_all_is_decided(circuit: Circuit, parts: Parts) -> None:
    await circuit.start(ledger.build(circuit.settings))
    settings = circuit.settings.model_copy(update={"stall_max": timedelta(seconds=3)})
    keeper = await circuit.start(timekeeper.build(settings))
    await time_passes(keeper)
    await circuit.report("answered")
    await circuit.report("silent")
    await circuit.assigned("answered", "silent")
    await circuit.acknowledge("answered")
    await time_passes(keeper, beyond=now())  # nothing is at work any more
    assert await circuit.missed() == []
    os.kill(parts.pids["Kafka"], signals.SIGSTOP)
    try:
        frozen = now()
        await asyncio.sleep(TERM_SECONDS + 3)
        assert await circuit.missed() == []
        assert (await keeper.horizon()).at < frozen
        [check] = await keeper.ready()
        assert "stood still" in check.detail
        reporting = asyncio.create_task(circuit.report("later"))
    finally:
        os.kill(parts.pids["Kafka"], signals.SIGCONT)
    await reporting

    async def told() -> bool:
        return len(await circuit.missed()) == 2

    await until(told)
    assert sorted(await circuit.missed()) == ids("later", "silent")
    assert (await keeper.ready())[0].detail == ""


async def test_a_ledger_that_was_stopped_reads_the_answers_that_waited_before_anyone_is_accused(
    circuit: Circuit,
) -> None:
    first = ledger.build(circuit.settings)
    await circuit.start(first)
    keeper = await circuit.start(timekeeper.build(circuit.settings))
    await time_passes(keeper)
    names = [f"s{number}" for number in range(20)]
    for name in names:
        await circuit.report(name)
    await circuit.assigned(*names)
    await first.stop()
    for name in names[::2]:
        await circuit.acknowledge(name)
    await asyncio.sleep(2 * TERM_SECONDS)
    for name in names[1::4]:
        await circuit.acknowledge(name)  # too late
    assert await circuit.missed() == []
    stopped_at = await time_passes(keeper)
    await circuit.start(ledger.build(circuit.settings))

    async def told() -> bool:
        return len(await circuit.missed()) == len(names) // 2

    await until(told)
    assert sorted(await circuit.missed()) == ids(*names[1::2])

    await time_passes(keeper, beyond=stopped_at + timedelta(seconds=2 * TERM_SECONDS))
    assert sorted(await circuit.missed()) == ids(*names[1::2])


async def test_a_ledger_whose_process_was_paused_accuses_nobody_who_answered_meanwhile(circuit: Circuit) -> None:
    keeper = await circuit.start(timekeeper.build(circuit.settings))
    names = [f"s{number}" for number in range(20)]
    async with elsewhere(circuit.settings) as process:
        await time_passes(keeper)
        for name in names:
            await circuit.report(name)
        await circuit.assigned(*names)
        process.send_signal(signals.SIGSTOP)
        for name in names[1:]:
            await circuit.acknowledge(name)
        await asyncio.sleep(2 * TERM_SECONDS)
        process.send_signal(signals.SIGCONT)
        await time_passes(keeper, beyond=now())
    assert await circuit.missed() == ids(names[0])


@asynccontextmanager
async def elsewhere(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A ledger in a process of its own."""
    own = {"metrics_port": "0", "settle": f"PT{settings.settle.total_seconds():g}S"}
    own |= {name: str(getattr(settings, name)) for name in ("agreements", "kafka", "topic_prefix", "database_schema")}
    own["database"] = settings.database.get_secret_value()
    environment = os.environ | {f"KOIKARPER_{name.upper()}": value for name, value in own.items()}
    command = (sys.executable, "-m", "services.cli", "run", "ledger")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signals.SIGCONT)
            process.terminate()
        await process.wait()
