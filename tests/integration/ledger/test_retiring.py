"""What retired departments leave open is found and handed over in one transaction, once, by however many look."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from services.agreements.loading import parse
from services.ledger.books import LedgerBooks
from services.ledger.retiring import hand_over_retired, take_retired

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = START + timedelta(hours=20)
ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}
DONE = {"outcome": "solved", "explanation": "done"}


async def retire_permits(desk):
    """The agreements of a town that retires `permits` after the assignments were made."""
    current = desk.intake.books.book.current.text
    closing = current.replace("name: Vergunningen,", "name: Vergunningen, until: 2026-03-02, successor: parks,")
    books = LedgerBooks(desk.engine, parse(closing))
    await books.open()
    return books


async def turn(desk, books, limit=100, before=LATER):
    async with desk.engine.begin() as connection:
        taken = await take_retired(connection, before, limit, books.book.current)
        return await hand_over_retired(connection, taken, before, books) if taken else ()


async def assignments(desk):
    rows = await desk.rows("select department, state, handed_over_from from assignment order by assigned_at, id")
    return [tuple(row) for row in rows]


async def told(desk, name):
    rows = await desk.rows("select topic, value from outbox where headers is null order by seq")
    return [(row.topic, json.loads(row.value)) for row in rows if f".{name}.v1" in row.value.decode()]


async def test_it_is_found_by_the_agreements_in_force_and_handed_over_with_what_follows(desk):
    await desk.take_in(desk.signal("a"), desk.answer("b", "acknowledged", "a", seconds=5, **ACKNOWLEDGE))
    books = await retire_permits(desk)
    assert len(await turn(desk, books)) == 1
    assert await assignments(desk) == [("permits", "handed-over", None), ("parks", "waiting", "permits")]
    [(topic, event)] = await told(desk, "handed-over")
    assert (topic, event["data"]["by"], event["data"]["to"]) == ("team.noord.feedback", "koikarper", "parks")
    assert [topic for topic, _ in await told(desk, "assigned")][2:] == [
        "department.parks.assignments",
        "team.noord.feedback",
    ]
    assert await turn(desk, books) == ()


async def test_the_heirs_moments_wake_the_timekeeper(desk):
    await desk.take_in(desk.signal("a"))
    await turn(desk, await retire_permits(desk))
    [row] = await desk.rows("select next_moment_at from signal")
    assert row.next_moment_at == LATER + timedelta(hours=8)


async def test_what_is_resolved_and_what_is_another_departments_is_left(desk):
    await desk.take_in(
        desk.signal("a"), desk.answer("b", "resolved", "a", seconds=5, **DONE), desk.signal("c", departments=["parks"])
    )
    books = await retire_permits(desk)
    await turn(desk, books)
    states = await desk.rows("select department, state from assignment order by department, state")
    assert [tuple(row) for row in states] == [("parks", "waiting"), ("permits", "handed-over"), ("permits", "resolved")]


async def test_nothing_is_asked_of_the_database_before_the_last_day_has_ended(desk):
    await desk.take_in(desk.signal("a"))
    books = await retire_permits(desk)
    async with desk.engine.connect() as connection:
        assert await take_retired(connection, START, 10, books.book.current) == []
    assert await turn(desk, books, before=START) == ()


async def test_a_signal_that_is_at_hand_or_set_aside_is_skipped_and_found_at_the_next_look(desk):
    await desk.take_in(desk.signal("a"), desk.signal("b"))
    books = await retire_permits(desk)
    async with desk.engine.begin() as busy:
        held = (await busy.execute(text("select id from signal order by id limit 1 for update"))).scalar_one()
        async with desk.engine.begin() as connection:
            [free] = await take_retired(connection, LATER, 10, books.book.current)
            assert free != held
            assert await take_retired(connection, LATER, 10, books.book.current, aside=[free]) == []
    assert len(await turn(desk, books)) == 2


async def test_many_are_handed_over_once_each_by_timekeepers_side_by_side(desk):
    names = [f"s{number}" for number in range(60)]
    await desk.take_in(*map(desk.signal, names))
    books = [await retire_permits(desk) for _ in range(3)]

    async def until_nothing_is_found(mine):
        done = 0
        while found := len(await turn(desk, mine, limit=7)):
            done += found
        return done

    assert sum(await asyncio.gather(*map(until_nothing_is_found, books))) == len(names)
    events = await told(desk, "handed-over")
    assert len({event["id"] for _, event in events}) == len(events) == len(names)
    assert len(await assignments(desk)) == 2 * len(names)


async def test_it_leaves_nothing_behind_when_the_connection_is_lost_before_the_commit(desk):
    await desk.take_in(desk.signal("a"))
    books = await retire_permits(desk)
    async with desk.engine.connect() as connection:
        taken = await take_retired(connection, LATER, 10, books.book.current)
        await hand_over_retired(connection, taken, LATER, books)
        await connection.rollback()
    assert await assignments(desk) == [("permits", "waiting", None)]
    assert len(await turn(desk, books)) == 1


async def test_a_promise_under_agreements_unknown_until_now_waits_for_the_next_turn(desk):
    books = await retire_permits(desk)
    longer = LedgerBooks(desk.engine, parse(books.book.current.text.replace("resolve: 48 hours", "resolve: 50 hours")))
    await longer.open()
    desk.intake.books = longer
    await desk.take_in(desk.signal("a", departments=["permits"]))
    assert await turn(desk, books) == ()
    assert len(await turn(desk, books)) == 1
