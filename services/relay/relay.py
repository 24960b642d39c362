"""The relay as a service: it takes the seat or stands by, publishes while it holds it, and waits while all is away."""

import asyncio
import contextlib
import logging
import time
from typing import Literal

from services.relay.holds import Holds
from services.relay.metrics import Metrics
from services.relay.seat import Seat, SeatLost
from services.relay.shipping import Shipping
from services.runtime.backoff import Backoff
from services.runtime.checks import Check
from services.runtime.errors import TransientError
from services.runtime.publisher import Publisher
from services.runtime.settings import Settings

SWEEP_SECONDS = 1.0
"""How often the outbox is read without being notified, and the lock is asked for."""
HOLD_SECONDS_MAX = 60.0
PING_SECONDS = 2.0

_log = logging.getLogger(__name__)

State = Literal["stopped", "away", "standing by", "active"]


class Relay:
    """Publishes the outbox of one schema; of several, one is active and the others stand by."""

    name = "relay"

    def __init__(self, settings: Settings, publisher: Publisher, metrics: Metrics) -> None:
        self._settings = settings
        self._publisher = publisher
        self._metrics = metrics
        self.registry = metrics.registry
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._backoff = Backoff(settings.backoff_first.total_seconds(), settings.backoff_max.total_seconds())
        self._trouble = ""
        self.state: State = "stopped"

    async def start(self) -> None:
        """Connect to Kafka and PostgreSQL, and begin; raises `TransientError` when either does not answer."""
        if self._task is not None:
            return
        self._stopping.clear()
        try:
            await self._publisher.start()
            seat = await Seat.open(self._settings, self._woken)
        except BaseException:
            await self._publisher.stop()
            raise
        self._task = asyncio.create_task(self._run(seat))

    async def stop(self) -> None:
        """Settle what is under way, give up the seat, disconnect."""
        self._stopping.set()
        self._woken.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task], timeout=2 * self._settings.kafka_timeout.total_seconds() + SWEEP_SECONDS)
            task.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            finally:
                await self._publisher.stop()

    async def ready(self) -> list[Check]:
        """Active or standing by, and Kafka answers."""
        died = self._task is not None and self._task.done()
        well = self.state in {"active", "standing by"} and not (died or self._trouble)
        detail = "died" if died else f"{self.state}: {self._trouble}" if self._trouble else self.state
        return [Check("relay", well, detail, fatal=died), await self._kafka()]

    async def _kafka(self) -> Check:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._publisher.ping()
        except (TransientError, TimeoutError) as error:
            return Check("kafka", ok=False, detail=str(error) or "Kafka does not answer")
        return Check("kafka", ok=True)

    async def _run(self, seat: Seat | None) -> None:
        while not self._stopping.is_set():
            try:
                seat = seat or await Seat.open(self._settings, self._woken)
                if await self._stand_by(seat):
                    await self._work(seat)
            except SeatLost as error:
                self._become("away", str(error))
                await self._pause(self._backoff.next_seconds())
            finally:
                if seat is not None:
                    await seat.close()
                    seat = None
        self._become("stopped")

    async def _stand_by(self, seat: Seat) -> bool:
        """Wait for the lock; False when the relay stops before it has it."""
        while not self._stopping.is_set():
            if await seat.take_lock():
                self._become("active")
                return True
            self._become("standing by")
            await self._pause(SWEEP_SECONDS)
        return False

    async def _work(self, seat: Seat) -> None:
        holds = Holds(self._settings.backoff_first.total_seconds(), HOLD_SECONDS_MAX)
        shipping = Shipping(seat, self._publisher, holds, self._metrics, self._woken)
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    found = await shipping.once()
                except SeatLost:
                    raise
                except TransientError as error:
                    self._become("active", str(error))
                    await self._wait_for_kafka(seat)
                    continue
                self._become("active")
                self._backoff.reset()
                if not found:
                    await self._wait_for_rows(holds)
            await shipping.finish()
        finally:
            await shipping.abandon()

    async def _wait_for_rows(self, holds: Holds) -> None:
        due = holds.seconds_until_due(time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS if due is None else min(due, SWEEP_SECONDS)):
                await self._woken.wait()

    async def _wait_for_kafka(self, seat: Seat) -> None:
        """Nothing is read before Kafka answers again: every attempt in between would only add repeats."""
        while not (self._stopping.is_set() or seat.lost):
            await self._pause(self._backoff.next_seconds())
            with contextlib.suppress(TransientError):
                await self._publisher.ping()
                return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _become(self, state: State, trouble: str = "") -> None:
        if trouble and trouble != self._trouble:
            _log.warning("The relay is %s; nothing is published, and nothing is lost: %s", state, trouble)
        elif (state, trouble) != (self.state, self._trouble):
            _log.info("The relay is %s", state)
        self.state, self._trouble = state, trouble
        self._metrics.active.set(state == "active")
