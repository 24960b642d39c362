"""What was folded takes the place of the live tables, whole or not at all, and the loop goes on."""

from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from services.ledger.folding import TABLES, differences
from services.ledger.rebuilding import NotSwapped, connected, rebuild
from services.ledger.tables import Table
from services.runtime.errors import TransientError
from tests.integration.ledger.desk import Desk
from tests.integration.ledger.rich import CONTACT, HOUR, live_through, of_parks
from tests.integration.timekeeper.clockwork import Clockwork, at_work

AT = datetime(2026, 11, 24, 11, tzinfo=UTC)
RIGHTS = (
    "select relname, relacl::text, relowner, reloptions from pg_class"
    " where oid in ('signal'::regclass, 'assignment'::regclass) order by relname"
)


@pytest_asyncio.fixture
async def town(settings, tmp_path):
    async with at_work(settings, tmp_path) as town:
        await live_through(town)
        yield town


async def damage(desk: Desk) -> None:
    async with desk.engine.begin() as connection:
        await connection.execute(text("update assignment set acknowledge = 'met', acknowledged_at = now()"))
        await connection.execute(text("delete from signal where how = 'confirmed'"))
        await connection.execute(text("update counter set value = value + 5 where name = 'deadlines'"))


async def content(desk: Desk) -> dict[str, list[Any]]:
    return {
        table: [tuple(row) for row in await desk.rows(f"select to_jsonb({table}) from {table} order by 1")]  # noqa: S608 - our own names
        for table in TABLES
    }


async def test_a_swap_puts_right_what_was_damaged_and_the_loop_goes_on(town: Clockwork, settings) -> None:
    desk = town.desk
    before, rights = await content(desk), await desk.rows(RIGHTS)
    outbox = await desk.rows("select * from outbox order by seq")
    await damage(desk)
    damaged = await content(desk)
    rebuilt = await rebuild(desk.engine, settings.database_schema, AT)
    assert rebuilt.aside == f"{settings.database_schema}_before_20261124_110000"
    assert await content(desk) == before
    assert await desk.rows(RIGHTS) == rights
    assert await desk.rows("select * from outbox order by seq") == outbox
    assert await differences(desk.engine) == []
    for table in TABLES:
        aside = await desk.rows(f"select to_jsonb({table}) from {rebuilt.aside}.{table} order by 1")  # noqa: S608 - our own names
        assert [tuple(row) for row in aside] == damaged[table]
    await desk.take_in(of_parks(town, "k2", "acknowledged", "k", **CONTACT), desk.signal("n", seconds=93 * HOUR))
    await town.passes(200)
    assert await differences(desk.engine) == []
    assert len(await desk.rows("select * from signal")) == len(before["signal"]) + 1


async def test_the_new_tables_are_the_declared_ones_down_to_the_names_of_their_indexes(town: Clockwork, settings):
    await damage(town.desk)
    await rebuild(town.desk.engine, settings.database_schema, AT)
    async with town.desk.engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), Table.metadata)
        )
    assert difference == []


async def test_where_nothing_differs_nothing_is_swapped(town: Clockwork, settings) -> None:
    rebuilt = await rebuild(town.desk.engine, settings.database_schema, AT)
    assert (rebuilt.aside, rebuilt.result.differences.total) == ("", 0)
    own = f"{settings.database_schema}_%"
    assert await town.desk.rows("select 1 from pg_namespace where nspname like :own", own=own) == []


async def test_a_record_that_was_changed_is_not_trusted(town: Clockwork, settings) -> None:
    before = await content(town.desk)
    async with town.desk.engine.begin() as connection:
        await connection.execute(text("set local session_replication_role = replica"))
        await connection.execute(text("update record set at = at - interval '1 hour' where id = 'b1'"))
    with pytest.raises(NotSwapped, match="seals do not fit"):
        await rebuild(town.desk.engine, settings.database_schema, AT)
    assert await content(town.desk) == before


async def test_a_version_that_decides_otherwise_than_was_decided_swaps_nothing(town: Clockwork, settings) -> None:
    async with town.desk.engine.begin() as connection:
        await connection.execute(text("set local session_replication_role = replica"))
        await connection.execute(text("update record set refused = null where id = 'x5'"))
        await connection.execute(text("delete from signal"))
    with pytest.raises(NotSwapped, match="does not decide"):
        await rebuild(town.desk.engine, settings.database_schema, AT)


async def test_a_crash_at_any_statement_of_the_swap_leaves_the_old_tables_or_the_new_ones(
    town: Clockwork, settings
) -> None:
    before = await content(town.desk)
    await damage(town.desk)
    damaged = await content(town.desk)
    crash = Crash()
    event.listen(town.desk.engine.sync_engine, "before_cursor_execute", crash)
    while True:
        crash.begin()
        try:
            await rebuild(town.desk.engine, settings.database_schema, AT)
        except TransientError:
            assert await content(town.desk) == damaged
        else:
            break
    event.remove(town.desk.engine.sync_engine, "before_cursor_execute", crash)
    assert await content(town.desk) == before
    assert crash.at > 15


class Crash:
    """Cuts the connection before one statement of the swap: each time that it begins, one later."""

    def __init__(self) -> None:
        self.at = 0

    def begin(self) -> None:
        self.at += 1
        self._left = 0

    def __call__(self, connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "where kind = 'canary'" in statement and not self._left:
            self._left = self.at
        elif self._left:
            self._left -= 1
        if self._left == 1:
            connection.connection.driver_connection.terminate()


async def test_who_writes_is_seen(town: Clockwork, settings) -> None:
    assert (await connected(town.desk.engine)).get("koikarper-timekeeper")
    for keeper in town.keepers:
        await keeper.stop()
    assert "koikarper-timekeeper" not in await connected(town.desk.engine)
