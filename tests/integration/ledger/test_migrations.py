"""The migrations add up to the declared schema, and can be run at any time."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from services.ledger.migrations import migrate
from services.ledger.tables import Table
from services.runtime.database import engine


async def test_the_migrations_add_up_to_the_declared_tables(settings):
    await migrate(settings)
    database = engine(settings)
    async with database.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), Table.metadata)
        )
    await database.dispose()
    assert difference == []


async def test_migrating_again_and_by_several_at_once_changes_nothing(settings):
    versions = await asyncio.gather(*(migrate(settings) for _ in range(3)))
    assert len(set(versions)) == 1
    database = engine(settings)
    async with database.connect() as connection:
        assert (await connection.scalar(text("select count(*) from signal"))) == 0
    await database.dispose()
