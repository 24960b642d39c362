"""A ledger whose database was set back to a backup ends, from Kafka's log, in the state of one that never fell."""
# ruff: noqa: S608 - the parts of these queries are names of our own tables and of this test's schemas

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from events.catalogue import PREFIX, neighbourhood_topic
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import assignment_id, signal_id
from services.agreements.loading import parse
from services.agreements.topics import inputs as topics_read
from services.ledger import app as ledger
from services.ledger import setback
from services.ledger.migrations import migrate
from services.ledger.tables import Table
from services.runtime.broker import Publisher
from services.runtime.clock import now
from services.runtime.database import engine

if TYPE_CHECKING:
    from services.runtime.settings import Settings

from services.ledger.marks import MarkedPositions, SetBack
from tests.integration.ledger.desk import TOWN, Desk
from tests.integration.ledger.on_kafka import prepared, report

SIGNALS = 12
PATIENCE_SECONDS = 60
ACKNOWLEDGED = {"contact": {"role": "clerk", "reach": "14 020"}}
STATES = {
    "signal": "id, state, waiting_since, last_at, hand_overs, proposed_at, confirm_by, closed_at, how, moments",
    "assignment": "*",
    "record": 'topic, partition, "offset", at, source, id, type, signal, sender, refused, body',
    "counter": "*",
    "dead_letter": 'topic, partition, "offset", received_at, reason, state, value',
    "reading": "topic, partition, next_offset",
}


class Town:
    """People who answer what they were told, over one Kafka; ledgers in schemas of their own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.publisher = Publisher(settings)
        self.said = 0

    async def say(self, topic: str, type_: str, source: str, **data: Any) -> None:
        self.said += 1
        event = structured(id_=f"said-{self.said}", source=source, type_=f"{PREFIX}.{type_}.v1", time=now(), data=data)
        await self.publisher.send(topic, b"k", encode(event), STRUCTURED_HEADERS)

    async def report(self, name: str) -> None:
        await report(self.publisher, name)

    async def department(self, code: str, verb: str, of: str, **data: Any) -> None:
        own = {"assignment": str(assignment_id(signal_id("urn:noord", of), code, 1)), "by": "clerk"}
        await self.say(f"department.{code}.answers", f"assignments.{verb}", f"urn:{code}:1", **own, **data)

    async def confirm(self, of: str) -> None:
        own = {"signal": str(signal_id("urn:noord", of)), "by": "connector"}
        await self.say("team.noord.answers", "signals.confirmed", "urn:noord", **own)


@pytest_asyncio.fixture
async def town(settings: Settings, tmp_path: Path) -> AsyncIterator[Town]:
    town = Town(await prepared(settings, tmp_path, kafka_timeout=timedelta(seconds=40)))
    await town.publisher.start()
    yield town
    await town.publisher.stop()


async def rows(settings: Settings, query: str) -> list[Any]:
    database = engine(settings, pool_size=1)
    async with database.connect() as connection:
        found = list(await connection.execute(text(query)))
    await database.dispose()
    return found


async def until(settings: Settings, query: str, value: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await rows(settings, query))[0][0] != value:  # noqa: ASYNC110 - seen from outside only
            await asyncio.sleep(0.05)


async def recorded(town: Town, settings: Settings, more: int = 0) -> None:
    await until(settings, "select count(*) from record", town.said + SIGNALS + more)


async def states(settings: Settings) -> dict[str, set[str]]:
    return {
        table: {str(tuple(row)) for row in await rows(settings, f"select {columns} from {table}")}
        for table, columns in STATES.items()
    }


async def backup(settings: Settings, to: str) -> Settings:
    """All tables as they are now, in another schema; none when nothing is copied."""
    own = settings.model_copy(update={"database_schema": to})
    await migrate(own)
    database = engine(settings, pool_size=1)
    async with database.begin() as connection:
        for table in Table.metadata.sorted_tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.computed is None)
            await connection.execute(
                text(
                    f'insert into "{to}".{table.name} ({names}) overriding system value'
                    f" select {names} from {table.name}"
                )
            )
        sequences = (
            "select sequencename as name, last_value as last from pg_sequences where schemaname = current_schema()"
        )
        for row in (await connection.execute(text(sequences))).all():
            if row.last is not None:
                await connection.execute(text(f"select setval('\"{to}\".{row.name}', {row.last})"))
    await database.dispose()
    return own


@pytest.mark.parametrize("early", [True, False], ids=["a backup of before everything", "a backup of half-way"])
async def test_it_ends_as_one_that_never_fell(town: Town, early: bool) -> None:
    names = [f"s{number}" for number in range(SIGNALS)]
    settings = town.settings
    first = ledger.build(settings)
    saved = await backup(settings, f"b{secrets.token_hex(5)}") if early else None
    await first.start()
    for name in names:
        await town.report(name)
    await until(settings, "select count(*) from assignment", SIGNALS)
    for name in names:
        await town.department("permits", "handed-over", name, to="parks", reason="it is theirs")
    await town.publisher.send("department.parks.answers", b"k", b"no json", STRUCTURED_HEADERS)
    await recorded(town, settings)
    saved = saved or await backup(settings, f"b{secrets.token_hex(5)}")
    for name in names:
        await town.department("parks", "acknowledged", name, **ACKNOWLEDGED)
        await town.department("parks", "resolved", name, outcome="solved", explanation="done")
    await recorded(town, settings)
    for name in names[::2]:
        await town.confirm(name)
    await recorded(town, settings)
    await first.stop()

    few = [saved.model_copy(update={"instance": instance, "batch_records": 5}) for instance in ("0", "1")]
    again = [ledger.build(own) for own in few]
    await asyncio.gather(*(worker.start() for worker in again))  # one catches up, the other waits for it
    await recorded(town, saved)
    await asyncio.gather(*(worker.stop() for worker in again))
    assert await states(saved) == await states(settings)
    assert (await rows(saved, "select count(*) from record where refused is not null"))[0][0] == 0
    assert (await rows(saved, "select count(*) from signal where state = 'closed'"))[0][0] == len(names[::2])


async def test_a_ledger_that_was_only_stopped_does_not_catch_up(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"s{number}" for number in range(SIGNALS)]
    first = ledger.build(town.settings)
    await first.start()
    for name in names:
        await town.report(name)
    await recorded(town, town.settings)
    await first.stop()
    await town.department("permits", "acknowledged", names[0], **ACKNOWLEDGED)
    again = ledger.build(town.settings)
    await again.start()
    await recorded(town, town.settings)
    await again.stop()
    assert "set back" not in caplog.text


async def test_another_ledger_that_works_on_while_one_starts_is_not_taken_for_tables_that_were_set_back(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger.build(town.settings)
    await first.start()
    await town.report("s0")
    await until(town.settings, "select count(*) from record", 1)
    ask = setback._committed  # between the two looks

    async def meanwhile(settings: Settings, service: str) -> Any:
        """The other one takes in a signal, and commits, just before Kafka is asked."""
        await town.report("s1")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum((await ask(settings, service)).values()) < 2:  # noqa: ASYNC110 - seen from outside only
                await asyncio.sleep(0.05)
        return await ask(settings, service)

    monkeypatch.setattr(setback, "_committed", meanwhile)
    database = engine(town.settings, pool_size=1)
    found = await setback.was_set_back(town.settings, database, "ledger", topics_read(parse(TOWN)))
    await database.dispose()
    await first.stop()
    assert not found


async def test_tables_that_are_set_back_under_a_ledger_at_work_take_in_nothing_and_end_it(desk: Desk) -> None:
    await desk.take_in(desk.signal("a"), desk.signal("b"))
    assert desk.intake.marks.ready() == []
    async with desk.engine.begin() as connection:
        await connection.execute(text("update reading set next_offset = 1"))
    with pytest.raises(SetBack, match="read up to offset 2, and the tables now say 1"):
        await desk.intake.work([desk.signal("c")])
    assert len(await desk.rows("select * from signal")) == 2
    [check] = desk.intake.marks.ready()
    assert (check.ok, check.fatal) == (False, True)
    async with desk.engine.begin() as connection:
        await connection.execute(text("update reading set next_offset = 2"))
    with pytest.raises(SetBack):  # once found, it never reads on
        await desk.intake.work([desk.signal("d")])


async def test_an_idle_ledger_finds_it_too_and_lets_no_time_pass(town: Town) -> None:
    worker: Any = ledger.build(town.settings)
    await worker.start()
    await town.report("s0")
    await until(town.settings, "select count(*) from record", 1)
    database = engine(town.settings, pool_size=1)
    async with database.begin() as connection:
        await connection.execute(text("update reading set next_offset = 0, read_until = null"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(check.fatal for check in await worker.ready()):  # noqa: ASYNC110 - seen from outside only
            await asyncio.sleep(0.05)
    await worker.stop()
    await database.dispose()


async def test_a_consumer_that_takes_over_less_than_it_knows_does_not_go_there(desk: Desk) -> None:
    await desk.take_in(desk.signal("a"), desk.signal("b"))
    positions = MarkedPositions(desk.positions, desk.intake.marks)
    place = (neighbourhood_topic("initiative-blocked"), 0)
    assert await positions.take_over([place], "two") == {place: 2}
    async with desk.engine.begin() as connection:
        await connection.execute(text("update reading set next_offset = 0"))
    with pytest.raises(SetBack):
        await positions.take_over([place], "three")
