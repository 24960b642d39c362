"""The circuit of a replay while it runs: what was sent, how far the ledger is, what has reached the departments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Self

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.local.replay.events import Step
from services.local.replay.faults import ReplayError
from services.local.replay.mapping import Mapping
from services.local.replay.messages import INPUT, message
from services.local.replay.progress import Bars
from services.local.replay.watching import Arrived, Watch, missing
from services.runtime.backoff import Backoff
from services.runtime.broker import Publisher
from services.runtime.database import engine, transient_errors
from services.runtime.errors import PermanentError
from services.runtime.service import Running
from services.runtime.settings import Settings

BATCH = 500
STILL_SECONDS_MAX = 60.0
"""How long nothing at all may move before the replay gives up."""
_LOOK_SECONDS = 0.05

Part = Callable[[], Coroutine[Any, Any, None]]
"""A part of the work: it makes something go round."""

_READ = text("select coalesce(max(next_offset), 0) from reading where topic = :topic")
_OUTBOX = text("select count(*) from outbox")
_MADE = text("select department, id from assignment")
_COUNTS = text("select (select count(*) from signal) as signals, (select count(*) from record) as events")


async def send(settings: Settings, steps: Sequence[Step], mapping: Mapping, bars: Bars) -> None:
    """Send every step in order. A repeat after a slow answer keeps the order of first appearance; the ledger drops it.

    Raises `ReplayError` when Kafka refuses a record, or takes nothing for `STILL_SECONDS_MAX`.
    """
    publisher = Publisher(settings, client="replay")
    await publisher.start()
    try:
        done, backoff, moved = 0, Backoff(0.1, 5.0), time.monotonic()
        while done < len(steps):
            outcomes = await publisher.send_all([message(step, mapping) for step in steps[done : done + BATCH]])
            failed = next((error for error in outcomes if error is not None), None)
            sent = outcomes.index(failed) if failed else len(outcomes)
            done += sent
            bars.show("Sending", done, len(steps))
            if sent:
                moved = time.monotonic()
                backoff.reset()
            if isinstance(failed, PermanentError) or (failed and time.monotonic() - moved > STILL_SECONDS_MAX):
                raise ReplayError(f"Case {steps[done].case} cannot be sent: {failed}")
            if failed:
                await asyncio.sleep(backoff.next_seconds())
    finally:
        await publisher.stop()


class Circuit:
    """Watches ledger, outbox and department topics until everything that was sent has gone round."""

    def __init__(self, settings: Settings, departments: Collection[str], running: Running, bars: Bars) -> None:
        self._engine = engine(settings, pool_size=1)
        self._watch = Watch(settings, departments)
        self._input = TopicPartition(settings.topic_prefix + INPUT, 0)
        self._running = running
        self._bars = bars

    @property
    def arrived(self) -> Arrived:
        """What the departments have seen."""
        return self._watch.arrived

    async def __aenter__(self) -> Self:
        await self._watch.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._watch.stop()
        await self._engine.dispose()

    async def complete(self, parts: Sequence[Part], cases: int, events: int) -> None:
        """Do the parts in order, each once all that came of the one before has gone round; count everything.

        Raises `ReplayError` when something is not where it must be.
        """
        work = asyncio.create_task(self._through(parts))
        try:
            await asyncio.wait({work, self._running.died}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._running.died.result()  # raises why
            work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        await self._check(cases, events)

    async def _through(self, parts: Sequence[Part]) -> None:
        for part in parts:
            await self._settle(part)

    async def _settle(self, part: Part) -> None:
        work = asyncio.create_task(part())
        moved, last = time.monotonic(), (-1, -1, -1)
        try:
            while not await self._round(work):
                now = await self._standing()
                if now != last:
                    moved, last = time.monotonic(), now
                elif time.monotonic() - moved > STILL_SECONDS_MAX:
                    raise ReplayError(f"Nothing has moved for {STILL_SECONDS_MAX:.0f} seconds. {await self._where()}")
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _round(self, work: asyncio.Task[None]) -> bool:
        """Look once; whether everything is there. Each question is asked only after the one before it is settled."""
        await self._watch.read(_LOOK_SECONDS)
        if not work.done():
            return False
        work.result()
        end = await self._watch.end_of(self._input)
        read, outbox, _ = await self._standing(end)
        return read >= end and outbox == 0 and await self._watch.at_the_end()

    async def _standing(self, end: int | None = None) -> tuple[int, int, int]:
        async with transient_errors(), self._engine.connect() as connection:
            read = await _number(connection, _READ, topic=INPUT)
            outbox = await _number(connection, _OUTBOX)
        arrived = self.arrived.count
        if end is None:
            end = await self._watch.end_of(self._input)
        self._bars.show("Ledger", read, end)
        self._bars.show("Relay and departments", arrived, arrived + outbox)
        return read, outbox, arrived

    async def _where(self) -> str:
        read, outbox, arrived = await self._standing()
        checks = [check for group in (await self._running.ready()).values() for check in group if not check.ok]
        said = "; ".join(f"{check.name}: {check.detail}" for check in checks) or "every service says it is ready"
        return f"The ledger has read {read}, {outbox} rows wait in the outbox, {arrived} assignments arrived; {said}."

    async def _check(self, cases: int, events: int) -> None:
        """The sum at the end: nothing was lost on the way, nothing could not be read."""
        async with transient_errors(), self._engine.connect() as connection:
            counts = (await connection.execute(_COUNTS)).one()
            made = [(row.department, row.id) for row in await connection.execute(_MADE)]
        wrong = missing(self.arrived, made)
        if self.arrived.dead_letters:
            wrong.append(f"{self.arrived.dead_letters} events could not be read:")
            wrong += self.arrived.reasons
        if (counts.signals, counts.events) != (cases, events):
            wrong.append(
                f"{cases} cases with {events} events went in; the ledger has {counts.signals}, {counts.events}"
            )
        if wrong:
            raise ReplayError("\n".join(["The replay is not complete:", *wrong]))


async def _number(connection: AsyncConnection, query: Any, **values: Any) -> int:
    return int((await connection.execute(query, values)).scalar_one())
