"""One transaction's statements, of which the next is prepared while PostgreSQL works on the last.

Half of what a batch costs is making rows: of states, of the record, of the outbox. PostgreSQL needs as long to take
them in. So a write is sent and not waited for; whatever is sent next waits for it first. One connection works on one
statement at a time and in order, as without this: only this process no longer sits idle meanwhile.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection

Answer = CursorResult[*tuple[Any, ...]]


class Lane:
    """A connection in a transaction; `async with` waits for the last write, and raises what became of it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._sent: asyncio.Task[Answer] | None = None

    async def write(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Send a write once the last one is done; an error of this one is raised by what comes after it."""
        await self._settle()
        self._sent = asyncio.create_task(self._connection.execute(statement, values))
        await asyncio.sleep(0)  # the task begins and hands the statement to the event loop,
        await asyncio.sleep(0)  # which sends it

    async def execute(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Answer:
        """As the connection's own."""
        await self._settle()
        return await self._connection.execute(statement, values)

    async def scalar(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
        """As the connection's own."""
        await self._settle()
        return await self._connection.scalar(statement, values)

    async def _settle(self) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            await sent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._settle()
        elif self._sent is not None:  # the connection must be idle before its transaction is rolled back
            self._sent.cancel()
            await asyncio.wait([self._sent])
