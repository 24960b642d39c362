"""The engine on real PostgreSQL, and what its errors become."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.runtime.database import engine, transient_errors
from services.runtime.errors import PermanentError, TransientError
from services.runtime.settings import Settings


@pytest_asyncio.fixture
async def database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    made = engine(settings.model_copy(update={"database_timeout": timedelta(seconds=1)}), application="test of runtime")
    async with made.begin() as connection:
        await connection.execute(text(f"create schema {settings.database_schema}"))
        await connection.execute(
            text("create table thing (id int primary key, note text check (length(note) < 10), body jsonb)")
        )
    yield made
    async with made.begin() as connection:
        await connection.execute(text(f"drop schema {settings.database_schema} cascade"))
    await made.dispose()


async def run(database: AsyncEngine, statement: str, **values: object) -> object:
    async with transient_errors(), database.begin() as connection:
        result = await connection.execute(text(statement), values)
        return result.scalar() if result.returns_rows else None


async def test_a_connection_works_in_its_own_schema_in_utc_under_its_name(
    database: AsyncEngine, settings: Settings
) -> None:
    assert await run(database, "select current_schema()") == settings.database_schema
    assert await run(database, "show timezone") == "UTC"
    assert await run(database, "show application_name") == "test of runtime"


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("insert into thing (id, note) values (1, :note)", {"note": "far too long for it"}),
        ("insert into thing (id, note) values (1, :note)", {"note": "a\x00b"}),
        ("insert into thing (id, body) values (1, cast(:body as jsonb))", {"body": '{"a": "\\u0000"}'}),
        ("insert into thing (id) values (:id)", {"id": 2**40}),
        ("insert into thing (id) values (:id)", {"id": None}),
    ],
)
async def test_data_that_the_database_does_not_take_is_a_bad_record(
    database: AsyncEngine, statement: str, values: dict[str, object]
) -> None:
    with pytest.raises(PermanentError) as refused:
        await run(database, statement, **values)
    assert refused.value.reason == "refused-by-database"
    assert "far too long" not in refused.value.message


async def test_a_statement_that_takes_too_long_is_ended_and_waited_for(database: AsyncEngine) -> None:
    with pytest.raises(TransientError, match="57014"):
        await run(database, "select pg_sleep(30)")


async def test_a_connection_that_the_server_ends_is_waited_for_and_replaced(database: AsyncEngine) -> None:
    async def ended() -> None:
        async with transient_errors(), database.begin() as connection:
            number = (await connection.execute(text("select pg_backend_pid()"))).scalar()
            async with database.begin() as other:
                await other.execute(text("select pg_terminate_backend(:number)"), {"number": number})
            await asyncio.sleep(0.1)
            await connection.execute(text("select 1"))

    with pytest.raises(TransientError):
        await ended()
    assert await run(database, "select 1") == 1


async def test_a_table_that_is_missing_waits_for_its_migration(database: AsyncEngine) -> None:
    with pytest.raises(TransientError, match="42P01"):
        await run(database, "select * from nowhere")


async def test_no_database_is_waited_for(settings: Settings) -> None:
    away = engine(Settings(database="postgresql://app:hunter2@127.0.0.1:9/k"))
    with pytest.raises(TransientError) as gone:
        await run(away, "select 1")
    assert "hunter2" not in str(gone.value)
    await away.dispose()
