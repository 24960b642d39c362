"""What the database refuses is named, and set apart in one transaction with the rest, whatever stands beside it."""

import pytest
import pytest_asyncio

from services.ledger.sifting import Sifting
from services.runtime.errors import PermanentError, TransientError
from services.runtime.isolation import Apart
from services.runtime.records import Record
from services.runtime.settings import Settings
from tests.benchmarks.refusing import refuse_some
from tests.integration.ledger.desk import Desk
from tests.integration.ledger.test_work_counted import counting


@pytest_asyncio.fixture
async def refusing(desk: Desk, settings: Settings) -> Desk:
    await refuse_some(settings)
    return desk


async def batch_of(desk: Desk, *ids: str) -> list[Record]:
    records = [desk.signal(id_, partition=number % 2) for number, id_ in enumerate(ids)]
    await desk.positions.take_over({(record.topic, record.partition) for record in records}, desk.intake.owner)
    return records


async def test_every_refused_record_of_a_batch_is_named_at_once_with_its_own_reason(refusing: Desk) -> None:
    bad = {0: "refused", 6: "failing", 7: "refused", 12: "failing"}
    records = await batch_of(refusing, *(f"{bad.get(number, 'good')}-{number}" for number in range(13)))
    with pytest.raises(PermanentError) as raised:
        await Sifting(refusing.intake).work(records)
    reasons = {"refused": "refused-by-database", "failing": "unworkable"}
    assert [(record, error.reason) for record, error in raised.value.named] == [
        (records[number], reasons[name]) for number, name in bad.items()
    ]
    assert not await refusing.rows("select 1 from identity"), "nothing of it stays"


async def test_the_rest_is_recorded_in_one_transaction_with_the_dead_letters(refusing: Desk) -> None:
    records = await batch_of(refusing, "good-0", "refused-1", "good-2", "failing-3")
    error = PermanentError("refused-by-database", "not taken")
    await refusing.intake.work_without(records, [Apart(records[1], error, 2), Apart(records[3], error, 2)])
    assert [row.id for row in await refusing.rows("select id from record order by seq")] == ["good-0", "good-2"]
    assert [tuple(row) for row in await refusing.rows('select "offset", attempts from dead_letter order by nr')] == [
        (records[1].offset, 2),
        (records[3].offset, 2),
    ]
    assert [row[0] for row in await refusing.rows("select next_offset from reading order by partition")] == [2, 2]


async def test_a_fault_that_has_passed_costs_a_second_try_only(refusing: Desk) -> None:
    async with refusing.engine.begin() as connection:
        await connection.exec_driver_sql("create sequence tries")
        await connection.exec_driver_sql(_ONCE)
    records = await batch_of(refusing, "once-0", "good-1", "good-2")
    await Sifting(refusing.intake).work(records)
    assert len(await refusing.rows("select 1 from record")) == 3


async def test_where_everything_is_refused_nobody_is_named(refusing: Desk) -> None:
    records = await batch_of(refusing, "refused-0", "refused-1")
    with pytest.raises(PermanentError) as raised:
        await Sifting(refusing.intake).work(records)
    assert not raised.value.named


async def test_a_database_that_is_away_names_nobody(refusing: Desk) -> None:
    records = await batch_of(refusing, "good-0", "good-1")
    async with refusing.engine.begin() as connection:
        await connection.exec_driver_sql(_LOCKED_OUT)
    with pytest.raises(TransientError):
        await Sifting(refusing.intake).work(records)


async def test_naming_costs_a_few_statements_for_each_bad_record(refusing: Desk) -> None:
    ids = [f"refused-{number}" if number % 20 == 7 else f"good-{number}" for number in range(500)]
    records = await batch_of(refusing, *ids)
    with counting(refusing) as sent, pytest.raises(PermanentError) as raised:
        await Sifting(refusing.intake).work(records)
    assert len(raised.value.named) == 25
    assert len(sent) / 25 < 20, "round trips; to look for it by halving the whole work takes about a hundred"


_ONCE = """
    create or replace function refuse() returns trigger language plpgsql as $$
    begin
        if new.id like 'once-%' and nextval('tries') = 1 then
            raise exception 'for a moment';
        end if;
        return new;
    end $$
"""
_LOCKED_OUT = """
    create or replace function refuse() returns trigger language plpgsql as $$
    begin
        raise lock_not_available;
    end $$
"""
