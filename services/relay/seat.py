"""The seat of the active relay: one connection to PostgreSQL that holds the lock, hears of new rows, reads and deletes.

All four share the connection on purpose: who loses the lock can neither read nor delete any more, and so stops. It
must be a session of its own: a pooler in transaction mode (PgBouncer) would hand the lock to someone else.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from services.relay.holds import split
from services.relay.rows import Lane, Row
from services.runtime.database import session
from services.runtime.errors import TransientError
from services.runtime.settings import Settings

BATCH_BYTES_MAX = 16 * 1024 * 1024
"""Of one batch's values: 500 dead letters could weigh a gigabyte."""
CONNECT_SECONDS = 5.0

_TAKE = """
select seq, signal, topic, key, value, headers::text as headers, waited_seconds
from (
    select seq, signal, topic, key, value, headers,
        extract(epoch from clock_timestamp() - written_at)::float8 as waited_seconds,
        sum(octet_length(value)) over (order by seq rows between unbounded preceding and 1 preceding) as bytes_before
    from (
        select * from outbox
        where (signal is null or signal <> all($1::uuid[])) and seq <> all($2::bigint[])
        order by seq limit $3
    ) oldest
) weighed
where coalesce(bytes_before, 0) < $4
order by seq
"""
# A session that PostgreSQL ends in the middle of an answer leaves asyncpg's protocol in a state of which the next
# statement makes an error of its own.
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_DELETE = "delete from outbox where seq = any($1::bigint[])"

_OWN = {
    # The lists of lanes to leave out are hashed only when the planner sees them.
    "plan_cache_mode": "force_custom_plan",
    # A delete that a crash undoes is a repeat, like any other crash between sending and deleting.
    "synchronous_commit": "off",
    # A machine that vanishes gives up the lock within half a minute.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def lock_key(schema: str) -> int:
    """The advisory lock of a schema's relay: a signed 64-bit number, the same in every version."""
    return int.from_bytes(hashlib.sha256(f"koikarper relay {schema}".encode()).digest()[:8], "big", signed=True)


def channel(schema: str) -> str:
    """Where the ledger notifies of new rows."""
    return f"outbox_{schema}"


class SeatLost(TransientError):  # noqa: N818 - says what happened
    """The session failed, whatever the reason: close it, and open a new one after a wait."""


class Seat:
    """One session of PostgreSQL. Every call raises `SeatLost` when it fails."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", schema: str, woken: asyncio.Event) -> None:
        self._connection = connection
        self._schema = schema
        self._woken = woken

    @classmethod
    async def open(cls, settings: Settings, woken: asyncio.Event) -> "Seat":
        """Connect, and listen: `woken` is set at every notification, and when the session ends."""
        async with _failures():
            connection = await asyncpg.connect(
                settings.database.get_secret_value(),
                timeout=CONNECT_SECONDS,
                command_timeout=settings.database_timeout.total_seconds() + 5,  # the server's own limit comes first
                server_settings=session(settings, "koikarper-relay") | _OWN,
            )
            seat = cls(connection, settings.database_schema, woken)
            try:
                connection.add_termination_listener(seat._wake)
                await connection.add_listener(channel(settings.database_schema), seat._wake)
            except BaseException:
                connection.terminate()
                raise
            return seat

    @property
    def lost(self) -> bool:
        """The session ended, and the lock with it."""
        return self._connection.is_closed()

    async def take_lock(self) -> bool:
        """Become the active relay; False when another is.

        Asked again every second: a statement that waits for the lock would hold a snapshot open, and with it every
        deleted row of the outbox.
        """
        async with _failures():
            return bool(await self._connection.fetchval("select pg_try_advisory_lock($1)", lock_key(self._schema)))

    async def read(self, limit: int, without: Sequence[Lane]) -> list[Row]:
        """The oldest rows, at most `limit` and about 16 MiB, leaving out the lanes of `without`."""
        signals, alone = split(list(without))
        async with _failures():
            records = await self._connection.fetch(_TAKE, signals, alone, limit, BATCH_BYTES_MAX)
        return [Row._make(record) for record in records]

    async def delete(self, rows: Sequence[Row]) -> None:
        """Delete exactly these rows."""
        async with _failures():
            await self._connection.execute(_DELETE, [row.seq for row in rows])

    async def close(self) -> None:
        """End the session, and so give up the lock; never raises."""
        self._connection.remove_termination_listener(self._wake)
        try:
            await self._connection.close(timeout=CONNECT_SECONDS)
        except _FAILURES:
            self._connection.terminate()

    def _wake(self, *_: object) -> None:
        self._woken.set()


@asynccontextmanager
async def _failures() -> AsyncIterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise SeatLost(f"The outbox cannot be reached: {error or type(error).__name__}") from error
