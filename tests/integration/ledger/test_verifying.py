"""The record cannot be edited in silence: every change of it is found, and said where."""

# ruff: noqa: S608 - the statements are made of what this file itself says

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.ledger import verifying
from services.ledger.marks import Marks
from services.ledger.sealing import FIRST, SealedRow, seal
from services.ledger.verifying import Head, Verified, verify
from tests.integration.ledger.desk import SIGNALS, Desk, at_desk

ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}
ANSWERS = "department.permits.answers"


@pytest_asyncio.fixture
async def desk(settings):
    async with at_desk(settings) as desk:
        for batch in range(3):
            signals = [desk.signal(f"s{batch}-{number}", seconds=batch) for number in range(4)]
            await desk.take_in(*signals, desk.signal(f"other{batch}", partition=1))
            await desk.take_in(
                desk.answer(f"a{batch}", "acknowledged", f"s{batch}-0", seconds=60 + batch, **ACKNOWLEDGE)
            )
        yield desk


async def verified(desk: Desk, earlier: dict[tuple[str, int], Head] | None = None) -> Verified:
    async with desk.engine.connect() as connection:
        return await verify(connection, earlier or {})


async def tamper(desk: Desk, *statements: str) -> None:
    """As the owner of the tables who takes the trigger away first."""
    async with desk.engine.begin() as connection:
        await connection.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            done = await connection.execute(text(statement))
            assert done.rowcount > 0, statement


async def seals_of_the_first_partition(desk: Desk) -> list[int]:
    rows = await desk.rows(f"select id from seal where topic = '{SIGNALS}' and partition = 0 order by id")
    return [row.id for row in rows]


async def test_a_record_that_nobody_touched_is_whole(desk):
    found = await verified(desk)
    assert (found.rows, found.seals, found.broken, found.breaks) == (18, 9, 0, [])
    assert {place: head.seal for place, head in found.heads.items()}.keys() == {
        (SIGNALS, 0),
        (SIGNALS, 1),
        (ANSWERS, 0),
    }


@pytest.mark.parametrize(
    "change", ["update record set body = '{}'", "delete from record", "truncate record", "delete from seal"]
)
async def test_the_record_only_grows_even_for_its_owner(desk, change):
    with pytest.raises(DBAPIError, match="only grows"):
        async with desk.engine.begin() as connection:
            await connection.execute(text(change))
    assert not (await verified(desk)).broken


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body", "convert_to('{}', 'UTF8')"),
        ("at", "at - interval '1 day'"),
        ("sender", "'team:zuid'"),
        ("refused", "'already-resolved'"),
        ('"offset"', '"offset" + 100'),
        ("signal", "gen_random_uuid()"),
        ("type", "type || 'x'"),
        ("source", "'urn:other'"),
        ("id", "'other'"),
        ("topic", "'other'"),
        ("partition", "7"),
    ],
)
async def test_an_event_that_was_edited_is_found_at_its_seal(desk, column, value):
    (row,) = await desk.rows("select seq, seal from record where id = 's1-2'")
    await tamper(desk, f"update record set {column} = {value} where seq = {row.seq}")
    found = await verified(desk)
    assert [(one.topic, one.partition, one.seal) for one in found.breaks] == [(SIGNALS, 0, row.seal)]


async def test_an_event_that_was_removed_is_found(desk):
    (row,) = await desk.rows("select seal from record where id = 's1-2'")
    await tamper(desk, "delete from record where id = 's1-2'")
    found = await verified(desk)
    assert [(one.seal, one.what) for one in found.breaks] == [(row.seal, "4 events were sealed here and 3 are found")]


async def test_events_that_changed_places_are_found(desk):
    (row,) = await desk.rows("select seal from record where id = 's1-1'")
    columns = ("id", '"offset"', "signal", "body")
    await tamper(
        desk,
        f"update record set {', '.join(f'{name} = other.{name}' for name in columns)} from record other "
        "where (record.id, other.id) in (('s1-1', 's1-2'), ('s1-2', 's1-1'))",
    )
    found = await verified(desk)
    assert [one.seal for one in found.breaks] == [row.seal]


async def test_an_event_that_was_slipped_in_is_found(desk):
    copied = "topic, partition, \"offset\", at, source, id || 'x', type, signal, sender, refused, body"
    names = 'topic, partition, "offset", at, source, id, type, signal, sender, refused, body, seal'
    await tamper(desk, f"insert into record ({names}) select {copied}, seal from record where id = 's1-2'")
    assert (await verified(desk)).broken == 1
    await tamper(desk, f"insert into record ({names}) select {copied}, 999999 from record where id = 's2-2'")
    assert "name a seal that is not there" in (await verified(desk)).breaks[-1].what


async def test_a_whole_batch_that_was_removed_with_its_seal_is_found_at_the_next(desk):
    seals = await seals_of_the_first_partition(desk)
    await tamper(desk, f"delete from record where seal = {seals[1]}", f"delete from seal where id = {seals[1]}")
    found = await verified(desk)
    assert [one.seal for one in found.breaks] == [seals[2]]


async def test_the_end_of_the_record_cut_off_is_found(desk):
    seals = await seals_of_the_first_partition(desk)
    await tamper(desk, f"delete from record where seal = {seals[2]}", f"delete from seal where id = {seals[2]}")
    (one,) = (await verified(desk)).breaks
    assert (one.topic, one.partition, one.seal) == (SIGNALS, 0, seals[1])
    assert "the end of the record" in one.what


async def test_who_makes_every_seal_anew_is_found_by_the_heads_that_were_noted_elsewhere(desk):
    noted = (await verified(desk)).heads
    await tamper(desk, "update record set sender = 'team:zuid' where id = 's0-0'")
    before = FIRST
    for sealed in await desk.rows(f"select * from seal where topic = '{SIGNALS}' and partition = 0 order by id"):
        rows = await desk.rows(
            'select topic, partition, "offset", at, source, id, type, signal, sender, refused, body '
            "from record where seal = :seal order by seq",
            seal=sealed.id,
        )
        before = seal(before, SIGNALS, 0, sealed.agreements, [SealedRow(*row) for row in rows])
        await tamper(desk, f"update seal set hash = '\\x{before.hex()}' where id = {sealed.id}")
    await tamper(desk, f"update reading set head = '\\x{before.hex()}' where topic = '{SIGNALS}' and partition = 0")
    assert not (await verified(desk)).broken
    (one,) = (await verified(desk, noted)).breaks
    assert one.what == "the seal that was noted earlier is gone or another one"


async def test_heads_that_were_noted_stay_while_the_record_grows(desk):
    noted = (await verified(desk)).heads
    await desk.take_in(desk.signal("later", seconds=90))
    assert not (await verified(desk, noted)).broken


async def test_repeats_and_dead_letters_add_no_seal(desk):
    seals = (await verified(desk)).seals
    await desk.take_in(desk.signal("s0-0", seconds=99), desk.record(SIGNALS, b"no JSON", seconds=99))
    found = await verified(desk)
    assert (found.seals, found.broken) == (seals, 0)


async def test_a_retry_is_sealed_with_the_partition_from_which_it_was_read(desk):
    headers = (
        ("koikarper.errors.topic", SIGNALS.encode()),
        ("koikarper.errors.partition", b"0"),
        ("koikarper.errors.offset", b"3"),
        ("koikarper.errors.timestamp", b"2026-03-02T09:00:00.000Z"),
        ("content-type", b"application/cloudevents+json; charset=UTF-8"),
    )
    value = desk.signal("mended").value
    await desk.take_in(desk.record("loop.retries", value, seconds=99, headers=headers))
    found = await verified(desk)
    assert ("loop.retries", 0) in found.heads
    assert not found.broken


async def test_a_position_that_an_operator_deleted_is_no_change_of_the_record(desk):
    async with desk.engine.begin() as connection:  # as `progress.MEND` says, when a topic was lost and made anew
        await connection.execute(text("delete from reading"))
    places = [(SIGNALS, 0), (SIGNALS, 1), (ANSWERS, 0)]
    assert set((await desk.positions.take_over(places, "me")).values()) == {0}
    desk.intake.owner, desk.intake.marks = "me", Marks()  # the ledger started again
    await desk.take_in(desk.signal("later"), desk.signal("later too", partition=1))
    found = await verified(desk)
    assert (found.rows, found.breaks) == (20, [])


@pytest.mark.parametrize(("seals", "rows"), [(1, 1), (2, 5000), (1000, 5)])
async def test_a_record_that_is_walked_in_small_steps_is_told_the_same(desk, monkeypatch, seals, rows):
    numbers = await seals_of_the_first_partition(desk)
    await tamper(desk, f"delete from seal where id = {numbers[1]}")
    whole = await verified(desk)
    assert whole.broken > 1
    monkeypatch.setattr(verifying, "CHUNK", seals)
    monkeypatch.setattr(verifying, "CHUNK_ROWS", rows)
    steps: list[int] = []
    async with desk.engine.connect() as connection:
        first, last = await verifying.span(connection)
        found = await verify(connection, {}, steps.append)
    assert found == whole
    assert (len(steps) > 1, sum(steps)) == (True, last - first)
