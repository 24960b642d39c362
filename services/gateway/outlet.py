"""The way to Kafka: it connects by itself, also when the broker comes later than the gateway."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from services.gateway.problems import Problem, unavailable
from services.runtime.backoff import Backoff
from services.runtime.broker import Message, Publisher
from services.runtime.checks import Check
from services.runtime.errors import PermanentError, TransientError

_log = logging.getLogger(__name__)

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 5.0
LINGER_MS = 0
"""Whom one look at the ledger answers, send at the same moment: they go together without waiting for more."""


class Outlet:
    """Publishes events, or says in a problem why not."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, now or as soon as the broker is there."""
        try:
            await self._publisher.start()
        except TransientError as error:
            _log.warning("The gateway starts without its broker and answers 503 until it is there: %s", error)
            self._connecting = asyncio.create_task(self._connect())

    async def stop(self) -> None:
        """Send what is under way and close the connection."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        await self._publisher.stop()

    async def send(self, messages: Sequence[Message]) -> None:
        """Send all; returns when every replica has each of them.

        Raises a problem 503 when the broker is away (some may have arrived: a repeat is the same events), 413 when an
        event is larger than the topic takes.
        """
        outcomes = [outcome for outcome in await self._publisher.send_all(messages) if outcome is not None]
        for outcome in outcomes:
            if isinstance(outcome, TransientError):
                _log.warning("Events could not be sent: %s", outcome)
                raise unavailable("The broker did not take everything in time.")
        for outcome in outcomes:
            if isinstance(outcome, PermanentError):
                raise Problem(413, outcome.message)

    async def ready(self) -> Check:
        """Whether the broker answers."""
        with contextlib.suppress(TransientError):
            await self._publisher.ping()
            return Check("kafka", ok=True)
        return Check("kafka", ok=False, detail="the broker does not answer; events get 503")

    async def _connect(self) -> None:
        backoff = Backoff(PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX)
        while True:
            await asyncio.sleep(backoff.next_seconds())
            with contextlib.suppress(TransientError):
                await self._publisher.start()
                _log.info("The broker is there; the gateway sends")
                return
