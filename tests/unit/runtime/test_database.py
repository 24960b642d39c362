"""What a database error means: wait, or set the record apart."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError

from services.runtime.database import engine, is_permanent, is_transient, session, transient_errors
from services.runtime.errors import Fenced, PermanentError, TransientError
from services.runtime.settings import Settings


class Driver(Exception):  # noqa: N818 - stands for asyncpg's error inside SQLAlchemy's
    def __init__(self, sqlstate: str, message: str = "it failed") -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


def wrapped(sqlstate: str, *, invalidated: bool = False) -> DBAPIError:
    return DBAPIError("insert …", {"note": "secret words"}, Driver(sqlstate), connection_invalidated=invalidated)


@pytest.mark.parametrize("state", ["08006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "58030", "25006"])
def test_the_infrastructure_s_errors_are_waited_for(state: str) -> None:
    assert is_transient(wrapped(state))
    assert not is_permanent(wrapped(state))


@pytest.mark.parametrize("state", ["28P01", "3D000", "42P01", "42501", "42703"])
def test_a_mistake_of_the_deployment_is_never_the_record_s_fault(state: str) -> None:
    assert is_transient(wrapped(state))


@pytest.mark.parametrize("state", ["22001", "22003", "22021", "22P05", "23514", "23502"])
def test_data_that_postgresql_does_not_take_is_a_bad_record(state: str) -> None:
    assert is_permanent(wrapped(state))
    assert not is_transient(wrapped(state))


@pytest.mark.parametrize("state", ["23505", "23503", "XX000"])
def test_other_errors_are_neither(state: str) -> None:
    assert not is_transient(wrapped(state))
    assert not is_permanent(wrapped(state))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        wrapped("", invalidated=True),
        asyncpg.ConnectionDoesNotExistError("gone"),
        InterfaceError("select", {}, asyncpg.InterfaceError("connection is closed")),
        asyncpg.TooManyConnectionsError("full"),
    ],
)
def test_a_connection_that_is_gone_is_waited_for(error: Exception) -> None:
    assert is_transient(error)


async def translated(error: Exception) -> None:
    async with transient_errors():
        raise error


def test_errors_are_said_in_the_runtime_s_words_and_without_what_people_wrote() -> None:
    with pytest.raises(TransientError, match="it failed") as transient:
        asyncio.run(translated(wrapped("40001")))
    with pytest.raises(PermanentError, match="refused-by-database: it failed") as permanent:
        asyncio.run(translated(wrapped("22003")))
    for error in (transient, permanent):
        assert "secret words" not in str(error.value)


def test_what_is_neither_passes_as_it_is() -> None:
    unique = IntegrityError("insert", {}, Driver("23505"))
    with pytest.raises(IntegrityError):
        asyncio.run(translated(unique))
    with pytest.raises(Fenced):
        asyncio.run(translated(Fenced("another worker")))


def test_every_connection_knows_its_schema_and_its_patience() -> None:
    told = session(Settings(database_schema="mine"), "ledger")
    assert told["search_path"] == "mine, public"
    assert told["application_name"] == "ledger"
    assert told["statement_timeout"] == "30000"
    assert told["timezone"] == "UTC"


def test_an_engine_connects_to_nothing_and_shows_no_password() -> None:
    made = engine(Settings(database="postgresql://app:hunter2@nowhere.invalid/k"))
    assert "hunter2" not in repr(made)
    asyncio.run(made.dispose())
