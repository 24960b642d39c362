"""Asking the ledger's database: for reads, which need it, and for checks beforehand, which can do without it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime.checks import Check
from services.runtime.database import transient_errors
from services.runtime.errors import TransientError

_log = logging.getLogger(__name__)

ANSWER_TIMEOUT_SECONDS = 15.0
CHECK_TIMEOUT_SECONDS = 2.0
PAUSE_SECONDS = 5.0
"""How long nobody's event waits for a database that did not answer the last time."""

_ONE_MOMENT: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_SINGLE: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}

T = TypeVar("T")


class LedgerReader:
    """Read-only transactions on the ledger, each of one moment."""

    def __init__(self, engine: AsyncEngine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._away_until = -float("inf")

    @property
    def away(self) -> bool:
        """Whether the database did not answer just now."""
        return self._clock() < self._away_until

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one answer; raises `TransientError` when the database is away."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS), self._connected() as connection:
                yield await connection.execution_options(**_ONE_MOMENT)
        except TimeoutError as error:
            raise TransientError(f"PostgreSQL did not answer within {ANSWER_TIMEOUT_SECONDS:g} s") from error

    async def ask(self, work: Callable[[AsyncConnection], Awaitable[T]], *, single: bool = False) -> T | None:
        """What the ledger knows; None, and soon, when the database is away: an event is accepted all the same.

        `single`: each statement of `work` is of its own moment, which saves beginning and ending a transaction.
        """
        if self.away:
            return None
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS), self._connected() as connection:
                return await work(await connection.execution_options(**(_SINGLE if single else _ONE_MOMENT)))
        except (TransientError, TimeoutError) as error:
            self._away_until = self._clock() + PAUSE_SECONDS
            _log.warning("The ledger's database is away; events are accepted without a look at it: %s", error)
            return None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        async with transient_errors(), self._engine.connect() as connection:
            yield connection

    async def ready(self) -> Check:
        """Whether the database answers: told, but never a reason to be not ready."""
        alive = await self.ask(lambda connection: connection.scalar(text("select 1")))
        return Check("database", ok=True, detail="" if alive else "away: reads get 503, events are accepted")
