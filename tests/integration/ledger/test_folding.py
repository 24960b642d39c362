"""The record folded again gives the live tables, row by row; whatever is changed in them is named by its field."""

# ruff: noqa: S608 - the statements are made of what this file itself says

from typing import Any

import pytest_asyncio
from sqlalchemy import text

from services.ledger.differing import ROW, Difference
from services.ledger.folding import Result, compare, differences, fold_beside, temporary
from services.ledger.identities import KEY_OF_COLUMNS
from tests.integration.ledger.desk import Desk
from tests.integration.ledger.rich import live_through
from tests.integration.timekeeper.clockwork import Clockwork, at_work

OF_A = "signal = (select signal from record where id = 'a')"
ONE = "(select id from assignment where signal = (select signal from record where id = 'c') and department = 'parks')"
KEY_OF = f"key = (select {KEY_OF_COLUMNS} from record where id = '{{}}')"
EDITED = "replace(convert_from(value, 'UTF8'), 'may stay', 'may not')::bytea"
CHANGES = [
    ("assignment", "state", f"update assignment set state = 'resolved' where id = {ONE}"),
    ("assignment", "acknowledge", f"update assignment set acknowledge = 'met' where {OF_A}"),
    ("assignment", "resolve_by", f"update assignment set resolve_by = now() where id = {ONE}"),
    ("assignment", ROW, f"delete from assignment where id = {ONE}"),
    ("signal", "waiting_since", "update signal set waiting_since = now() where closed_at is not null"),
    ("signal", "report", "update signal set report = (report::text || ' ')::json where how = 'confirmed'"),
    ("signal", "next_moment_at", "update signal set next_moment_at = '2027-01-01' where next_moment_at is not null"),
    ("signal", ROW, "update signal set id = gen_random_uuid() where how = 'confirmed'"),
    ("counter", "value", "update counter set value = value + 1 where name = 'deadlines'"),
    ("counter", "value", "delete from counter where name = 'dead_letters'"),
    ("counter", "value", "delete from counter where name = 'wait_bucket'"),
    ("identity", "digest", f"update identity set digest = '\\x00' where {KEY_OF.format('a')}"),
    ("identity", "digest", f"delete from identity where {KEY_OF.format('x1')}"),
    ("record", "refused", "update record set refused = null where id = 'x5'"),
    ("record", "refused", "update record set refused = 'unknown-signal' where id = 'x1'"),
    ("outbox", "value", f"update outbox set value = {EDITED} where convert_from(value, 'UTF8') ~ 'may stay'"),
    ("outbox", ROW, "insert into outbox (topic, value) select topic || 'x', value from outbox where headers is null"),
]
"""What the comparison names, after a statement of somebody who can write the tables."""


@pytest_asyncio.fixture
async def town(settings, tmp_path):
    async with at_work(settings, tmp_path) as town:
        await live_through(town)
        yield town


async def changed(desk: Desk, statement: str) -> Result:
    """The comparison after a change that is undone again."""
    async with desk.engine.connect() as connection:
        await connection.execute(text("set local session_replication_role = replica"))
        done = await connection.execute(text(statement))
        assert done.rowcount > 0, statement
        found = await fold_beside(connection, await temporary(connection), lambda _more: None)
        await connection.rollback()
        return found


async def test_a_rich_history_folds_to_the_live_tables_row_by_row(town: Clockwork) -> None:
    result = await compare(town.desk.engine)
    assert result.differences.kept == []
    [live] = await town.desk.rows(
        "select (select count(*) from record) as events, (select count(*) from signal) as signals, "
        "(select count(*) from assignment) as assignments"
    )
    assert (result.events, result.signals, result.assignments) == tuple(live)
    await the_history_has_it_all(town.desk)
    for table, field, statement in CHANGES:
        found = (await changed(town.desk, statement)).differences
        assert {(one.table, one.field) for one in found.kept} == {(table, field)}, statement
        assert found.total == len(found.kept)
    assert await differences(town.desk.engine) == []


async def the_history_has_it_all(desk: Desk) -> None:
    async def all_of(query: str) -> set[Any]:
        return {row[0] for row in await desk.rows(query)}

    assert await all_of("select state from assignment") == {
        "waiting", "acknowledged", "resolved", "closed", "handed-over",
    }  # fmt: skip
    assert await all_of("select how from signal") == {None, "confirmed", "withdrawn", "unconfirmed"}
    assert await all_of("select agreements is null from passage") == {True, False}
    assert len(await all_of("select agreements from seal")) == 2
    assert await all_of("select name from counter") == {
        "signals", "signals_closed", "deadlines", "wait_bucket", "wait_microseconds", "answers", "escalations",
        "precedents", "dead_letters",
    }  # fmt: skip


async def test_without_the_notes_of_how_far_time_had_passed_it_would_not_fold(town: Clockwork) -> None:
    late = (await changed(town.desk, "delete from passage where agreements is null")).differences.kept
    assert Difference("assignment", str(town.desk.assignment("f")), "acknowledge", "missed", "met") in late
    inherited = (await changed(town.desk, "delete from passage where agreements is not null")).differences.kept
    assert ("assignment", "handed_over_to") in {(one.table, one.field) for one in inherited}


async def test_what_the_timekeeper_has_not_come_to_yet_is_no_difference(town: Clockwork) -> None:
    await town.read_until((await town.desk.rows("select max(read_until) + interval '30 days' from reading"))[0][0])
    assert await differences(town.desk.engine) == []
    await town.keeper().turn()
    assert await differences(town.desk.engine) == []


async def test_a_moment_that_passed_before_anything_was_read_until_it_is_a_difference(town: Clockwork) -> None:
    found = await changed(town.desk, "update reading set read_until = '2026-03-02T09:00:00Z'")
    assert ("assignment", "acknowledge") in {(one.table, one.field) for one in found.differences.kept}
