"""The timekeeper as a service: it looks how far time has passed, lets the moments pass, and sleeps until the next."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.identifiers import SignalId
from services.ledger.books import LedgerBooks
from services.ledger.retiring import hand_over_retired, take_retired
from services.runtime.backoff import Backoff
from services.runtime.checks import Check
from services.runtime.clock import Clock
from services.runtime.database import transient_errors
from services.runtime.errors import TransientError
from services.runtime.settings import Settings
from services.runtime.tasks import ended
from services.timekeeper.horizon import Horizon, asked_for, horizon
from services.timekeeper.metrics import Metrics
from services.timekeeper.passing import let_pass, next_due, take
from services.timekeeper.stalling import Stalling

_log = logging.getLogger(__name__)

Find = Callable[[AsyncConnection, int], Awaitable[Sequence[SignalId]]]
"""Locks signals that need the timekeeper, so many at most."""
Act = Callable[[AsyncConnection, Sequence[SignalId]], Awaitable[Sequence[SignalId]]]
"""Does what they need, and answers with those for which it did; the others are found again."""

BATCH = 200
LANES = 2
"""Transactions side by side, where one is not enough; each has a connection."""
LANE_SECONDS = 1.0
"""How long they go on before it is looked again how far has been read."""
SLEEP_SECONDS_MIN, SLEEP_SECONDS_MAX = 0.1, 1.0
ASIDE_SECONDS = 60.0
STOP_SECONDS = 10.0

_READ = text("select topic, partition, read_until from reading where topic = any(:topics)").bindparams(
    bindparam("topics", type_=ARRAY(Text))
)


class Timekeeper:
    """Lets moments pass in one schema; several run side by side, each with signals of its own at a time."""

    name = "timekeeper"

    def __init__(
        self, settings: Settings, engine: AsyncEngine, books: LedgerBooks, metrics: Metrics, clock: Clock
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._books = books
        self._metrics = metrics
        self.registry = metrics.registry
        self._clock = clock
        self._stalling = Stalling(settings.stall_max, metrics, time.monotonic)
        self._backoff = Backoff(settings.backoff_first.total_seconds(), settings.backoff_max.total_seconds())
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._limit = BATCH
        self._aside: dict[SignalId, float] = {}

    async def start(self) -> None:
        """Keep the agreements with the ledger, then begin; raises `TransientError` without a database."""
        if self._task is None:
            await self._books.open()
            self._stopping.clear()
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the transaction at hand; harmless when not started."""
        self._stopping.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task], timeout=STOP_SECONDS)
            await ended(task)
        await self._engine.dispose()

    async def ready(self) -> list[Check]:
        """Whether it works; a horizon that stands still is told, but is not the timekeeper's own trouble."""
        if self._task is None:
            return [Check(self.name, ok=False, detail="not running")]
        if self._task.done():
            return [Check(self.name, ok=False, detail="died", fatal=True)]
        aside = f"{len(self._aside)} signals are set aside" if self._aside else ""
        told = [part for part in (self._trouble, self._stalling.detail, aside) if part]
        return [Check(self.name, ok=not self._trouble, detail="; ".join(told))]

    async def horizon(self) -> Horizon:
        """How far time has passed by what the ledger has read until now."""
        input_topics = self._settings.input_topics
        asked = asked_for(self._books.book.versions.values(), input_topics)
        async with transient_errors(), self._engine.connect() as connection:
            if not input_topics:
                idle = await self._books.idle_topics(connection)
                asked = frozenset(place for place in asked if place[0] not in idle)
            rows = await connection.execute(_READ, {"topics": sorted({topic for topic, _ in asked})})
            read_until = {(row.topic, row.partition): row.read_until for row in rows}
        return horizon(read_until, asked, self._settings.settle, self._clock())

    async def turn(self) -> datetime | None:
        """Let everything pass that may; the next moment of any signal, or None when nothing is to come."""
        self._take_back()
        while not self._stopping.is_set():
            counted = self._books.book.versions.keys()
            found = await self.horizon()
            self._stalling.note(found)
            if found.at is None:
                break
            passed, handed_over = await self.pass_many(found.at, counted), await self.hand_over_some(found.at)
            if not passed and not handed_over:
                break
        self._limit = BATCH
        async with transient_errors(), self._engine.connect() as connection:
            return await next_due(connection, self._aside)

    async def pass_many(self, before: datetime, counted: Collection[str]) -> bool:
        """Let moments before `before` pass for a while; whether there may be more.

        Where more are due than one transaction takes, several go on side by side, as several timekeepers would: one
        works while the other waits for the database. `counted`: the versions of the agreements of which `before`
        counted the partitions.
        """
        if not await self.pass_some(before, counted):
            return False
        lanes = await asyncio.gather(*[self._lane(before, counted) for _ in range(LANES)], return_exceptions=True)
        for failure in lanes:
            if isinstance(failure, BaseException):
                raise failure
        return any(lanes)

    async def pass_some(self, before: datetime, counted: Collection[str]) -> bool:
        """Let moments before `before` pass in one transaction; whether there may be more."""
        return await self._some(
            lambda connection, limit: take(connection, before, limit, self._aside),
            lambda connection, taken: self._pass(connection, taken, before, counted),
        )

    async def _lane(self, before: datetime, counted: Collection[str]) -> bool:
        """One transaction after the other; whether there may be more when it is time to look how far has been read."""
        until = time.monotonic() + LANE_SECONDS
        while await self.pass_some(before, counted):
            grown = self._books.book.versions.keys() != counted
            if grown or self._stopping.is_set() or time.monotonic() > until:
                return True
        return False

    async def hand_over_some(self, before: datetime) -> bool:
        """Hand over what departments that are retired at `before` left open, like `pass_some`."""
        current = self._books.book.current
        return await self._some(
            lambda connection, limit: take_retired(connection, before, limit, current, self._aside),
            lambda connection, taken: hand_over_retired(connection, taken, before, self._books),
        )

    async def _some(self, find: Find, act: Act) -> bool:
        """Find signals and act on them in one transaction; whether there may be more.

        A signal on which the work fails must not hold up the town: from then on they are taken one by one, the one
        that fails is set aside for a while, and the others pass.
        """
        taken: Sequence[SignalId] = ()
        limit = self._limit
        try:
            async with transient_errors(), self._engine.begin() as connection:
                taken = await find(connection, limit)
                done = len(await act(connection, taken)) if taken else 0
        except TransientError:
            raise
        except Exception as error:
            if not taken:
                raise
            self._failed(taken, error)
            return True
        self._metrics.passed.inc(done)
        return len(taken) == limit or done < len(taken)

    async def _pass(
        self, connection: AsyncConnection, taken: Sequence[SignalId], before: datetime, counted: Collection[str]
    ) -> Sequence[SignalId]:
        if self._books.book.versions.keys() != counted:  # the other lane met a version of which `before` knows nothing
            return ()
        return (await let_pass(connection, taken, before, self._books)).passed

    def _failed(self, taken: Sequence[SignalId], error: Exception) -> None:
        if len(taken) > 1:
            self._limit = 1
            return
        self._aside[taken[0]] = time.monotonic() + ASIDE_SECONDS
        self._metrics.aside.set(len(self._aside))
        _log.error("The moments of signal %s cannot pass; tried again later", taken[0], exc_info=error)

    def _take_back(self) -> None:
        self._aside = {id_: until for id_, until in self._aside.items() if until > time.monotonic()}
        self._metrics.aside.set(len(self._aside))

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                due = await self.turn()
            except (TransientError, OSError) as error:
                if not self._trouble:
                    _log.warning("No moment passes for now: %s", error)
                self._trouble = str(error) or type(error).__name__
                await self._sleep(self._backoff.next_seconds())
                continue
            self._trouble = ""
            self._backoff.reset()
            await self._sleep(self._seconds_until(due))

    def _seconds_until(self, due: datetime | None) -> float:
        """Until the next moment and the settle time; never long, for something new may come sooner."""
        if due is None:
            return SLEEP_SECONDS_MAX
        seconds = (due + self._settings.settle - self._clock()).total_seconds()
        return min(max(seconds, SLEEP_SECONDS_MIN), SLEEP_SECONDS_MAX)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
