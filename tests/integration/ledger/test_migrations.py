"""The migrations add up to the declared schema, and can be run at any time."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.identities import key_of
from services.ledger.migrations import configuration, migrate
from services.ledger.tables import Table
from services.ledger.verifying import verify
from services.runtime.database import engine, transient_errors
from services.runtime.errors import TransientError

_EVENTS = text("""
    insert into record (topic, partition, "offset", at, source, id, type, sender, body)
    select 'a.topic', 1, nr, now(), 'urn:a', nr, 'type', 'team:noord', 'body' from generate_series(1, 600) as nr
""")

_RECORD = text("""
    insert into record (topic, partition, "offset", at, source, id, type, sender, body, seal)
    values ('a.topic', 1, 1, now(), :source, :id, 'type', 'team:noord', 'body', 1)
""")
_SOURCES = ("u", "urn:a", "urn:a1", "1:urn", "urn:ü", "urn:\N{FISH}", "x" * 300, " ")
_IDS = (
    "1",
    "a",
    "1a",
    ":a",
    "1:a",
    "né",
    "ne\N{COMBINING ACUTE ACCENT}",
    "\N{FISH}\N{ZERO WIDTH JOINER}",
    "y" * 200,
    " ",
    "\\x",
)
"""Some of them end where others begin: `urn:a` and `1a` are not `urn:a1` and `a`."""

_STORED = text("""
    select relname, reloptions, case relkind when 'i' then pg_get_indexdef(oid) end from pg_class
    where relnamespace = to_regnamespace(:schema) and relkind in ('r', 'i') and relname not like 'alembic%' order by 1
""")


async def test_the_migrations_add_up_to_the_declared_tables(settings):
    await migrate(settings)
    database = engine(settings)
    async with database.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), Table.metadata)
        )
    await database.dispose()
    assert difference == []


async def test_the_migrations_make_the_very_indexes_and_storage_settings_that_are_declared(settings):
    """Which Alembic does not compare: the columns that an index includes, its predicate, fill factors, vacuuming."""
    await migrate(settings)
    database, schema = engine(settings), settings.database_schema
    declared = MetaData()
    for table in Table.metadata.tables.values():
        table.to_metadata(declared, schema=f"{schema}_d")
    async with database.connect() as connection:
        await connection.execute(text(f'create schema "{schema}_d"'))
        await connection.run_sync(declared.create_all)
        migrated, made = [await _stored(connection, name) for name in (schema, f"{schema}_d")]
    await database.dispose()
    assert migrated == made


async def _stored(connection: AsyncConnection, schema: str) -> list[tuple[str, ...]]:
    rows = await connection.execute(_STORED, {"schema": schema})
    return [tuple(str(value).replace(f"{schema}.", "") for value in row) for row in rows]


async def test_migrating_again_and_by_several_at_once_changes_nothing(settings):
    versions = await asyncio.gather(*(migrate(settings) for _ in range(3)))
    assert len(set(versions)) == 1
    database = engine(settings)
    async with database.connect() as connection:
        assert (await connection.scalar(text("select count(*) from signal"))) == 0
    await database.dispose()


async def test_a_database_that_holds_data_of_an_earlier_version_is_brought_on_and_keeps_it(settings):
    database = engine(settings)
    async with database.begin() as connection:
        await connection.exec_driver_sql(f'create schema "{settings.database_schema}"')
        await _move(connection, command.upgrade, "0001")
        await connection.execute(text("insert into counter values ('dead_letters', 'a.topic|not-json', 3)"))
        await connection.execute(text("insert into reading values ('a.topic', 1, 700, null, 'me')"))
        await connection.execute(_EVENTS)
    version = await migrate(settings)
    async with database.connect() as connection:
        assert (await connection.scalar(text("select value from counter"))) == 3
        assert (await connection.scalar(text("select count(*) from dead_letter"))) == 0
        verified = await verify(connection, {})
    await database.dispose()
    assert (verified.rows, verified.seals, verified.broken) == (600, 2, 0)
    assert version == ScriptDirectory.from_config(configuration()).get_current_head()


async def test_identities_by_two_texts_become_hashes_as_python_makes_them_and_can_go_back(settings):
    pairs = [(source, id_) for source in _SOURCES for id_ in _IDS]
    rows = [{"source": source, "id": id_, "digest": f"{source} {id_}".encode()} for source, id_ in pairs]
    database = engine(settings)
    async with database.begin() as connection:
        await connection.exec_driver_sql(f'create schema "{settings.database_schema}"')
        await _move(connection, command.upgrade, "0005")
        await connection.execute(text("insert into identity values (:source, :id, :digest)"), rows)
        await connection.execute(_RECORD, rows)
    await migrate(settings)
    async with database.begin() as connection:
        made = await _identities(connection)
        assert made == {key_of(row["source"], row["id"]): row["digest"] for row in rows}
        await _move(connection, command.downgrade, "0005")
        again = (await connection.execute(text("select source, id, digest from identity"))).mappings()
        assert sorted(map(dict, again), key=_pair) == sorted(rows, key=_pair)
    await migrate(settings)
    async with database.connect() as connection:
        assert await _identities(connection) == made
    await database.dispose()


async def _identities(connection: AsyncConnection) -> dict[UUID, bytes]:
    return {row.key: row.digest for row in await connection.execute(text("select key, digest from identity"))}


async def _move(connection: AsyncConnection, how: Callable[[Config, str], None], version: str) -> None:
    config = configuration()

    def move(sync: Connection) -> None:
        config.attributes["connection"] = sync
        how(config, version)

    await connection.run_sync(move)


def _pair(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["source"], row["id"]


async def test_a_ledger_of_before_the_seals_that_still_runs_waits_and_sets_nothing_apart(settings):
    await migrate(settings)
    database = engine(settings)
    with pytest.raises(TransientError, match="older than its tables"):
        async with transient_errors(), database.begin() as connection:
            await connection.execute(_EVENTS)
    await database.dispose()
