"""Sends a round every so often; one that the gateway does not take is sent again, as the same event, until it does."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from events.identifiers import signal_id
from services.canary.gateway import Gateway
from services.canary.metrics import Metrics
from services.canary.rounds import Rounds
from services.canary.speech import Speech
from services.runtime.backoff import Backoff
from services.runtime.checks import Check
from services.runtime.clock import Clock
from services.runtime.errors import PermanentError, TransientError
from services.runtime.tasks import ended

BACKOFF_SECONDS_FIRST = 1.0

_log = logging.getLogger(__name__)


class Sending:
    """A task of its own, from `start` to `stop`."""

    def __init__(
        self,
        gateway: Gateway,
        speech: Speech,
        rounds: Rounds,
        metrics: Metrics,
        every_seconds: float,
        clock: Clock,
        new_id: Callable[[], object],
    ) -> None:
        self._gateway = gateway
        self._speech = speech
        self._rounds = rounds
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._clock = clock
        self._new_id = new_id
        self._backoff = Backoff(min(BACKOFF_SECONDS_FIRST, every_seconds), every_seconds)
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send the first now."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send no more; harmless when not started."""
        task, self._task = self._task, None
        await ended(task)

    def ready(self) -> Check:
        """Whether the gateway took the last event that was sent."""
        if self._task is None or self._task.done():
            return Check("canary sends", ok=False, detail="not running")
        detail = self._trouble or f"{self._rounds.under_way} rounds under way"
        return Check("canary sends", ok=not self._trouble, detail=detail)

    async def _run(self) -> None:
        while True:
            if self._rounds.may_send():
                event = self._speech.report(self._new_id(), self._clock())
                self._rounds.begin(signal_id(event["source"], event["id"]))
                while not await self._is_taken(event):  # noqa: ASYNC110 - asked again, with a wait that grows
                    await asyncio.sleep(self._backoff.next_seconds())
                self._backoff.reset()
            await asyncio.sleep(self._every_seconds)

    async def _is_taken(self, event: dict[str, Any]) -> bool:
        try:
            await self._gateway.send(event)
        except (TransientError, PermanentError) as error:
            self._metrics.failures.inc()
            if not self._trouble:
                _log.warning("The gateway does not take the canary: %s", error)
            self._trouble = str(error)
            return False
        self._trouble = ""
        self._metrics.step("sent")
        return True
