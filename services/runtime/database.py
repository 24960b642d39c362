"""PostgreSQL: an engine whose connections know their schema and their patience, and what its errors mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pydantic_core import from_json
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.runtime.errors import KoikarperError, PermanentError, TransientError
from services.runtime.settings import Settings

CONNECT_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_MS = 10_000
IDLE_TIMEOUT_MS = 60_000
POOL_TIMEOUT_SECONDS = 10
RECYCLE_SECONDS = 1_800

_TRANSIENT = ("08", "25006", "40", "53", "55006", "55P03", "57", "58")
"""Connections lost, a database that became a replica, deadlocks, no resources, locks, shutdowns, timeouts, disks."""
_DEPLOYMENT = ("28", "3D", "3F", "42")
"""Passwords, missing databases and schemas, missing tables, columns and rights: never a record's fault, so waiting
for the one who deploys is right, and dead-lettering would be wrong."""
_PERMANENT = ("22", "23502", "23514")
"""Data that PostgreSQL does not take: out of range, no valid text (a NUL), missing, or against a check."""


def engine(settings: Settings, *, pool_size: int = 5, application: str = "koikarper", ping: bool = True) -> AsyncEngine:
    """An engine on asyncpg; nothing connects until it is used. `application` names it in `pg_stat_activity`.

    `ping`: a connection is tried before each use, which takes three round trips. Without, who uses one that died
    meanwhile gets a transient error, once: all that died with it are thrown away.

    asyncpg reads the address itself, so everything that a PostgreSQL URL can say (`sslmode`, several hosts, a socket
    folder) works.
    """

    async def connect() -> "asyncpg.Connection[Any]":
        return await asyncpg.connect(
            settings.database.get_secret_value(),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=settings.database_timeout.total_seconds() + 5,  # the server's own limit comes first
            server_settings=session(settings, application),
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_pre_ping=ping,
        pool_use_lifo=True,
        json_deserializer=from_json,  # a third of the time of `json.loads`
        hide_parameters=True,  # what residents' teams wrote has no place in an error or a log
    )


def session(settings: Settings, application: str) -> dict[str, str]:
    """What every connection is told; also for one that is opened without an engine (`LISTEN`)."""
    return {
        "search_path": f"{settings.database_schema}, public",
        "application_name": application,
        "timezone": "UTC",
        "statement_timeout": str(int(settings.database_timeout.total_seconds() * 1000)),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
        "jit": "off",
    }


def state_of(error: BaseException) -> str:
    """The SQLSTATE behind an error, or an empty string."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(origin, "sqlstate", None) or "")


def is_transient(error: BaseException) -> bool:
    """Whether the database, the network or the deployment is at fault, and not what was written."""
    if isinstance(error, TransientError | OSError | PoolTimeoutError | asyncpg.InternalClientError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, OSError) or isinstance(getattr(origin, "__cause__", None), OSError):
        return True
    if _is_closed(origin):
        return True
    return state_of(error).startswith((*_TRANSIENT, *_DEPLOYMENT))


def is_permanent(error: BaseException) -> bool:
    """Whether the database refuses the data itself."""
    return not is_transient(error) and state_of(error).startswith(_PERMANENT)


@asynccontextmanager
async def transient_errors() -> AsyncIterator[None]:
    """Say what a database error means: `TransientError` to wait for, `PermanentError` for data it does not take.

    Any other error (a unique key, a foreign key, a fault in the code) passes as it is.
    """
    try:
        yield
    except KoikarperError:
        raise
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if is_transient(error):
            raise TransientError(f"PostgreSQL: {_sentence(error)}") from error
        if is_permanent(error):
            raise PermanentError("refused-by-database", _sentence(error)) from error
        raise


def _is_closed(origin: BaseException | None) -> bool:
    cause = getattr(origin, "__cause__", None)
    return any(
        isinstance(one, asyncpg.InterfaceError) and ("closed" in str(one) or "closing" in str(one))
        for one in (origin, cause)
    )


def _sentence(error: BaseException) -> str:
    """The error without the statement and its parameters, which may quote what people wrote."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    text = str(getattr(origin, "__cause__", None) or origin or error) or type(error).__name__
    first = text.splitlines()[0]
    state = state_of(error)
    return f"{first} ({state})" if state else first
