"""The services' own role does what the services do, and cannot touch the record."""

import secrets

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.ledger.migrations import migrate
from services.ledger.migrations.rights import RIGHTS, NoSuchRole
from services.ledger.tables import Table
from services.runtime.database import engine
from tests.integration.ledger.desk import at_desk

PASSWORD = "secret"


@pytest_asyncio.fixture
async def role(parts):
    name = f"r{secrets.token_hex(4)}"
    owner = await asyncpg.connect(parts.database)
    await owner.execute(f"create role {name} login password '{PASSWORD}'")
    yield name
    await owner.execute(f"drop owned by {name}; drop role {name}")
    await owner.close()


def of_role(settings, role):
    own = settings.database.get_secret_value().replace("//koikarper:", f"//{role}:")
    head, _, rest = own.partition("@")
    return settings.model_copy(update={"database": SecretStr(f"{head.rpartition(':')[0]}:{PASSWORD}@{rest}")})


def test_each_table_has_its_rights():
    assert RIGHTS.keys() == Table.metadata.tables.keys()


@pytest.fixture
def owned(settings, role):
    return settings.model_copy(update={"database_role": role})


async def test_the_ledger_works_with_its_own_role_and_cannot_change_the_record(owned, role):
    await migrate(owned)
    async with at_desk(of_role(owned, role), migrated=True) as desk:
        await desk.take_in(desk.signal("a"), desk.record(desk.signal("b").topic, b"no JSON"))
        database = engine(of_role(owned, role), pool_size=1)
        for statement in (
            "update record set sender = 'x'",
            "delete from record",
            "update seal set rows = 0",
            "delete from identity",
            "truncate record",
            "drop table record",
            "alter table record disable trigger all",
            "create table mine (a int)",
        ):
            async with database.connect() as connection:
                with pytest.raises(Exception, match=r"permission denied|must be owner"):
                    await connection.exec_driver_sql(statement)
        await database.dispose()
        assert len(await desk.rows("select 1 from record")) == 1


async def test_rights_that_were_given_by_hand_are_taken_back_at_the_next_migration(owned, role, parts):
    await migrate(owned)
    owner = await asyncpg.connect(parts.database)
    await owner.execute(f'grant update on "{owned.database_schema}".record to {role}')
    await migrate(owned)
    asked = f"select has_table_privilege('{role}', '\"{owned.database_schema}\".record', 'update')"
    assert await owner.fetchval(asked) is False
    await owner.close()


async def test_a_role_that_is_not_there_is_named(settings):
    with pytest.raises(NoSuchRole, match="nobody"):
        await migrate(settings.model_copy(update={"database_role": "nobody"}))
