"""Statements of one transaction, the next prepared while PostgreSQL works on the last."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.lane import Lane
from tests.integration.ledger.desk import Desk

TAKE = text("insert into counter (name, labels, value) select 'signals', cast(:label as text), count(*) from counter")
SLOWLY = text("insert into counter (name, labels, value) select 'signals', 'slow', 0 from pg_sleep(0.3)")
WRONG = text("select 1 / cast(:nothing as int)")
COUNT = text("select count(*) from counter")


@pytest_asyncio.fixture
async def connection(desk: Desk) -> AsyncIterator[AsyncConnection]:
    async with desk.engine.connect() as connection:
        yield connection


async def fail(connection: AsyncConnection, after: str) -> None:
    async with Lane(connection) as lane:
        await lane.write(WRONG, {"nothing": 0})
        if after == "a write":
            await lane.write(TAKE, {"label": "never"})
        elif after == "a question":
            await lane.scalar(COUNT)


async def stumble(desk: Desk) -> None:
    """Fail at what comes after a write that is still under way."""
    async with desk.engine.begin() as connection, Lane(connection) as lane:
        await lane.write(SLOWLY, {})
        await lane.write(TAKE, {"label": 1 // 0})


async def test_writes_are_done_in_their_order_and_before_whatever_is_asked(connection: AsyncConnection) -> None:
    async with Lane(connection) as lane:
        await lane.write(SLOWLY, {})
        for number in range(3):
            await lane.write(TAKE, {"label": str(number)})
        rows = await lane.execute(text("select labels, value from counter order by value"))
    assert [tuple(row) for row in rows] == [("slow", 0), ("0", 1), ("1", 2), ("2", 3)]


async def test_the_last_write_is_done_when_the_lane_ends(connection: AsyncConnection) -> None:
    async with Lane(connection) as lane:
        await lane.write(SLOWLY, {})
    assert await connection.scalar(COUNT) == 1


@pytest.mark.parametrize("after", ["a write", "a question", "nothing"])
async def test_what_a_write_failed_with_is_raised_by_what_comes_after_it(
    connection: AsyncConnection, after: str
) -> None:
    with pytest.raises(DBAPIError, match="division by zero"):
        await fail(connection, after)
    await connection.rollback()
    assert await connection.scalar(COUNT) == 0


async def test_where_the_next_cannot_be_prepared_nothing_of_the_transaction_stays(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        await stumble(desk)
    async with desk.engine.connect() as other:
        assert await other.scalar(COUNT) == 0
