"""Which rows of a set-based statement the database refuses: so that the bad records of a batch are named, not searched.

A batch that failed is worked a second time, carefully: each statement that writes events stands behind a savepoint,
and where one fails, halves of its rows are tried. That costs a few round trips of one statement for each bad record;
to look for it with the whole work costs dozens. Where nothing fails the second time, the batch is taken in.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime.database import is_transient
from services.runtime.errors import KoikarperError

EventKey = tuple[str, str]
"""The source and the id of an event."""

_MARK, _BACK = text("savepoint sieve"), text("rollback to savepoint sieve")


class _Half(NamedTuple):
    """Rows from `start` to before `end`; `fails`: that is known; `first`: the next is its other half."""

    start: int
    end: int
    fails: bool = False
    first: bool = False


class RowsRefused(KoikarperError):  # noqa: N818 - says what happened
    """The database refuses the rows of these events, and takes others of the same statement."""

    def __init__(self, errors: Mapping[EventKey, DBAPIError]) -> None:
        super().__init__(f"{len(errors)} rows are refused")
        self.errors = errors


class CarefulEngine:
    """An engine whose transactions raise `RowsRefused` when a statement fails because of some of its events."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["CarefulConnection"]:
        """A transaction, committed at the end."""
        async with self._engine.begin() as connection:
            yield CarefulConnection(connection)


class CarefulConnection:
    """A connection that looks behind each failure of a statement over events; all else it hands on."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, statement: Any, values: Any = None, **more: Any) -> Any:
        """As a connection does it; `values` with the columns `sources` and `ids` are rows of events."""
        if not _is_of_events(values):
            return await self._connection.execute(statement, values, **more)
        await self._connection.execute(_MARK)
        try:
            return await self._connection.execute(statement, values, **more)
        except DBAPIError as error:
            if is_transient(error):
                raise
            keys = list(zip(values["sources"], values["ids"], strict=True))
            refused = await self._refused(statement, values, len(keys))
            if len(refused) == len(keys):
                raise  # nothing shows that it is the events' fault
            if refused:
                raise RowsRefused({keys[number]: why for number, why in refused.items()}) from error
        await self._connection.execute(_BACK)  # it has passed
        return await self._connection.execute(statement, values, **more)

    async def _refused(self, statement: Any, values: Mapping[str, Any], count: int) -> dict[int, DBAPIError]:
        """The rows that fail alone, and why; a half whose other half is taken must fail, and is not tried whole."""
        found: dict[int, DBAPIError] = {}
        halves = [_Half(0, count, fails=True)]
        while halves:
            half = halves.pop()
            alone = half.end - half.start == 1
            tried = alone or not half.fails
            error = await self._error(statement, _rows(values, half, count)) if tried else None
            if tried and error is None:
                if half.first:
                    halves[-1] = halves[-1]._replace(fails=True)
            elif alone and error is not None:
                found[half.start] = error
            else:
                middle = (half.start + half.end) // 2
                halves += [_Half(middle, half.end), _Half(half.start, middle, first=True)]
        return found

    async def _error(self, statement: Any, values: Mapping[str, Any]) -> DBAPIError | None:
        await self._connection.execute(_BACK)
        try:
            await self._connection.execute(statement, values)
        except DBAPIError as error:
            if is_transient(error):
                raise
            return error
        return None


def _is_of_events(values: Any) -> bool:
    return isinstance(values, Mapping) and "sources" in values and len(values.get("ids", ())) > 1


def _rows(values: Mapping[str, Any], half: _Half, count: int) -> dict[str, Any]:
    """Some of the rows; arrays of another length (the seals of a batch) are not by event, and stay whole."""
    return {
        name: value[half.start : half.end] if isinstance(value, list) and len(value) == count else value
        for name, value in values.items()
    }
