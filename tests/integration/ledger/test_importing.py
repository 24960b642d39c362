"""A ledger that was made from an exported record is verified, folds to itself, and goes on as the first one."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from cloudevents.core.formats.json import JSONFormat

from services.ledger.exporting import export
from services.ledger.folding import differences
from services.ledger.importing import Content, NotImported, bring_in, look
from services.ledger.transcript import NotTheRecord
from services.ledger.verifying import Verified, verify
from tests.integration.ledger.desk import Desk, at_desk
from tests.integration.ledger.rich import RETIRED, live_through
from tests.integration.timekeeper.clockwork import Clockwork, at_work

AT = datetime(2026, 11, 24, 11, tzinfo=UTC)
STATES = ("signal", "assignment", "record", "seal", "identity", "passage", "counter")


@pytest_asyncio.fixture
async def town(settings, tmp_path) -> AsyncIterator[Clockwork]:
    async with at_work(settings, tmp_path) as town:
        await live_through(town)
        yield town


@pytest_asyncio.fixture
async def other(settings) -> AsyncIterator[Desk]:
    own = settings.model_copy(update={"database_schema": f"t{secrets.token_hex(5)}"})
    async with at_desk(own, RETIRED) as desk:
        yield desk


async def exported(desk: Desk) -> list[bytes]:
    async with desk.engine.connect() as connection:
        return [line async for line in export(connection, AT)]


async def imported(desk: Desk, lines: list[bytes], *, new_kafka: bool = False) -> Content:
    content = look(lines)
    async with desk.engine.begin() as connection:
        await bring_in(connection, lines, content, new_kafka=new_kafka, progress=lambda _more: None)
    return content


async def tables(desk: Desk) -> dict[str, list[Any]]:
    return {
        table: [row[0] for row in await desk.rows(f"select to_jsonb({table}) from {table} order by to_jsonb({table})")]  # noqa: S608 - our own names
        for table in STATES
    }


async def verified(desk: Desk) -> Verified:
    async with desk.engine.connect() as connection:
        return await verify(connection, {})


async def test_what_was_exported_is_imported_whole_and_goes_on(town: Clockwork, other: Desk) -> None:
    lines = await exported(town.desk)
    content = await imported(other, lines)
    assert (content.events, content.agreements) == (len(await town.desk.rows("select 1 from record")), 2)
    found = await verified(other)
    assert (found.rows, found.broken, found.heads) == (content.events, 0, (await verified(town.desk)).heads)
    assert await differences(other.engine) == []
    one, two = await tables(town.desk), await tables(other)
    one["counter"] = [row for row in one["counter"] if row["name"] != "dead_letters"]  # no part of the record
    assert two == one
    assert await other.rows("select * from outbox") == []
    assert (await exported(other))[:-1] == lines[:-1]
    await other.take_in(other.signal("n", seconds=400000, partition=4))
    await town.desk.take_in(town.desk.signal("n", seconds=400000, partition=4))
    assert (await tables(other))["seal"][-1]["hash"] == (await tables(town.desk))["seal"][-1]["hash"]
    assert await differences(other.engine) == []
    for line in lines:
        JSONFormat().read(None, line)


async def test_a_ledger_that_holds_something_is_left_alone(town: Clockwork, other: Desk) -> None:
    lines = await exported(town.desk)
    await other.take_in(other.signal("z"))
    before = await tables(other)
    with pytest.raises(NotImported, match="not empty"):
        await imported(other, lines)
    assert await tables(other) == before


async def test_for_a_new_kafka_every_topic_is_read_from_its_beginning(town: Clockwork, other: Desk) -> None:
    await imported(other, await exported(town.desk), new_kafka=True)
    assert {row.next_offset for row in await other.rows("select next_offset from reading")} == {0}
    assert not (await verified(other)).broken


async def test_a_file_that_is_not_whole_or_was_changed_is_refused(town: Clockwork, other: Desk) -> None:
    lines = await exported(town.desk)
    swapped = [*lines[:5], lines[6], lines[5], *lines[7:]]
    edited = [line.replace(b"A pond", b"A lake") for line in lines]
    for wrong in ([], lines[:-1], lines[1:], lines[:5] + lines[6:], swapped, edited, [*lines, lines[1]]):
        with pytest.raises(NotTheRecord):
            look(wrong)
    with pytest.raises(NotImported, match="was changed"):  # by somebody who knows how such a file ends
        async with other.engine.begin() as connection:
            await bring_in(connection, edited[:-1], Content(), new_kafka=False, progress=lambda _more: None)
    assert await other.rows("select * from record") == []
