"""Moments pass once, in order, at their own time, and only as far as the ledger has read."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import SignalId, signal_id
from services.agreements.loading import parse
from services.ledger import writing
from services.ledger.books import LedgerBooks
from services.runtime.errors import TransientError
from services.timekeeper import passing
from tests.integration.ledger.desk import Desk
from tests.integration.timekeeper.clockwork import SETTLE, TOWN, Clockwork, hours

ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}
DONE = {"outcome": "solved", "explanation": "the pond may stay"}
HOUR = 3600
LIFE = [
    ("reminded", "acknowledge", 4),
    ("deadline-missed", "acknowledge", 8),
    ("escalated", "acknowledge", 8),
    ("escalated", "acknowledge", 12),
    ("reminded", "resolve", 24),
    ("deadline-missed", "resolve", 48),
    ("escalated", "resolve", 48),
]
"""What permits hears of a signal that it never answers."""
PERMITS = "department.permits.assignments"


async def test_reminder_deadline_and_rungs_come_each_at_its_own_moment(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    seen = [[], LIFE[:1], LIFE[:3], LIFE[:4], LIFE[:5], LIFE]
    for hour, expected in zip((3.9, 4.1, 8.1, 12.1, 24.1, 48.1), seen, strict=True):
        await clockwork.passes(hour)
        assert sorted(await clockwork.told(PERMITS)) == sorted(expected)


async def test_several_that_passed_while_it_was_down_come_in_order_with_their_own_moments(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.passes(100)
    told = await clockwork.told(PERMITS)
    assert sorted(told) == sorted(LIFE)
    assert [hour for _, _, hour in told] == [hour for _, _, hour in LIFE]
    for event in await clockwork.events(PERMITS):
        assert event["time"] == event["data"].get("due", event["time"])


async def test_each_is_told_once_however_often_a_timekeeper_starts(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    for hour in (5, 5, 10, 10, 60, 60, 90):
        await clockwork.passes(hour)
    ids = [event["id"] for event in await clockwork.events(PERMITS)]
    assert len(ids) == len(set(ids)) == 1 + len(LIFE)


async def test_the_department_that_is_called_in_and_the_team_hear_the_rung(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.passes(13)
    assert await clockwork.told("department.control.assignments") == [("escalated", "acknowledge", 8)]
    assert await clockwork.told("department.secretary.assignments") == [("escalated", "acknowledge", 12)]
    feedback = await clockwork.told("team.noord.feedback")
    assert sorted(feedback) == sorted(
        [("deadline-missed", "acknowledge", 8), ("escalated", "acknowledge", 8), ("escalated", "acknowledge", 12)]
    )


async def test_moments_are_no_part_of_the_record(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.passes(100)
    assert len(await clockwork.desk.rows("select * from record")) == 1


async def test_a_moment_exactly_at_the_horizon_has_not_passed(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.passes(4)
    assert await clockwork.told() == []
    await clockwork.read_until(hours(4) + SETTLE + timedelta(milliseconds=1))
    await clockwork.keeper().turn()
    assert await clockwork.told() == [("reminded", "acknowledge", 4)]


async def test_the_turn_says_when_it_is_needed_next(clockwork: Clockwork) -> None:
    keeper = clockwork.keeper()
    assert await keeper.turn() is None
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    assert await keeper.turn() == hours(4)
    await clockwork.passes(9)
    assert await keeper.turn() == hours(12)


async def test_with_one_partition_never_read_nobody_is_accused(clockwork: Clockwork) -> None:
    parks = ("department.parks.answers", 0)
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.read_until(hours(100), but=parks)
    keeper = clockwork.keeper()
    await keeper.turn()
    assert await clockwork.told() == []
    assert (await keeper.horizon()).held_by == (parks,)


async def test_the_row_of_a_dead_worker_holds_the_moment_back(clockwork: Clockwork) -> None:
    dead = ("neighbourhood.initiative-blocked", 5)
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.read_until(hours(5))
    await clockwork.read_until(hours(100), but=dead)
    keeper = clockwork.keeper()
    await keeper.turn()
    assert await clockwork.told() == [("reminded", "acknowledge", 4)]
    assert (await keeper.horizon()).held_by == (dead,)
    await clockwork.read_until(hours(100))  # whoever took it over has read it
    await keeper.turn()
    assert len(await clockwork.told(PERMITS)) == len(LIFE)


async def test_a_ledger_that_was_down_accuses_nobody_who_answered_in_time_and_everybody_who_did_not(
    clockwork: Clockwork,
) -> None:
    desk = clockwork.desk
    await desk.take_in(*[desk.signal(name) for name in ("in time", "at the deadline", "late", "never")])
    await clockwork.read_until(hours(7))  # and then the ledger stopped
    waiting = [
        desk.answer("1", "acknowledged", "in time", seconds=7.5 * HOUR, **ACKNOWLEDGE),
        desk.answer("2", "acknowledged", "at the deadline", seconds=8 * HOUR, **ACKNOWLEDGE),
        desk.answer("3", "acknowledged", "late", seconds=8.5 * HOUR, **ACKNOWLEDGE),
    ]
    for hour in (7.9, 8.1, 9):
        await clockwork.keeper().turn()
        assert {stage for kind, stage, _ in await clockwork.told() if kind == "deadline-missed"} == set(), hour
    await clockwork.read_until(hours(9), but=("department.permits.answers", 0))
    for record in waiting:  # it returns, and reads one by one, and a timekeeper looks in between
        await desk.take_in(record)
        await clockwork.keeper().turn()
    await clockwork.passes(9)
    rows = await desk.rows("select id, acknowledge from assignment")
    verdicts = {row.id: row.acknowledge for row in rows}
    named = {name: verdicts[desk.assignment(name)] for name in ("in time", "at the deadline", "late", "never")}
    assert named == {"in time": "met", "at the deadline": "met", "late": "missed", "never": "missed"}
    missed = [event for event in await clockwork.events(PERMITS) if event["type"].endswith("deadline-missed.v1")]
    assert sorted(event["data"]["assignment"] for event in missed) == sorted(
        str(desk.assignment(name)) for name in ("late", "never")
    )


async def test_a_team_that_says_nothing_is_reminded_and_the_signal_closes_without_a_word(clockwork: Clockwork) -> None:
    desk = clockwork.desk
    await desk.take_in(desk.signal("a"), desk.answer("b", "resolved", "a", seconds=HOUR, **DONE))
    await clockwork.passes(1000)
    await clockwork.passes(1001)
    [row] = await desk.rows("select state, how from signal")
    assert (row.state, row.how) == ("closed", "unconfirmed")
    types = [event["type"].split(".")[-2] for event in await clockwork.events("team.noord.feedback")]
    assert types[-1] == "closed"
    assert types.count("closed") == types.count("reminded") == 1


async def test_a_signal_that_the_ledger_has_at_hand_is_left_for_the_next_look(clockwork: Clockwork) -> None:
    desk = clockwork.desk
    await desk.take_in(desk.signal("a"), desk.signal("b"))
    await clockwork.read_until(hours(5))
    keeper = clockwork.keeper()
    async with desk.engine.begin() as connection:
        [first] = (await connection.execute(text("select id from signal order by id limit 1 for update"))).all()
        assert await keeper.turn() == hours(4)
        told = [event["data"]["signal"] for event in await clockwork.events(PERMITS) if "due" in event["data"]]
        assert len(told) == 1
        assert told != [str(first.id)]
    assert await keeper.turn() == hours(8)
    assert len(await clockwork.told(PERMITS)) == 2


async def test_two_timekeepers_share_what_is_due_and_tell_nothing_twice(clockwork: Clockwork) -> None:
    desk = clockwork.desk
    await desk.take_in(*[desk.signal(f"s{number}") for number in range(450)])
    await clockwork.read_until(hours(100))
    keepers = [clockwork.keeper() for _ in range(3)]
    while await asyncio.gather(*[keeper.turn() for keeper in keepers]) != [None] * 3:
        pass
    ids = [event["id"] for event in await clockwork.events(PERMITS)]
    assert len(ids) == len(set(ids)) == 450 * (1 + len(LIFE))


async def test_a_connection_lost_before_the_commit_leaves_nothing_and_the_next_turn_does_it_once(
    clockwork: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.read_until(hours(100))
    keeper = clockwork.keeper()
    original = writing.write_outbox

    async def cut(connection: AsyncConnection, entries: Any) -> None:
        await original(connection, entries)
        pid = await connection.scalar(text("select pg_backend_pid()"))
        async with clockwork.desk.engine.connect() as other:
            await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        await connection.execute(text("select 1"))

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_outbox", cut)
        with pytest.raises(TransientError):
            await keeper.turn()
    assert await clockwork.told() == []
    await keeper.turn()
    assert len(await clockwork.told(PERMITS)) == len(LIFE)


async def test_a_signal_on_which_the_work_fails_does_not_hold_up_the_town(
    clockwork: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = clockwork.desk
    await desk.take_in(*[desk.signal(name) for name in "abcde"])
    await clockwork.read_until(hours(5))
    keeper = clockwork.keeper()
    bad = (await desk.rows("select id from signal order by id offset 2 limit 1"))[0].id
    original = passing.decide

    def fail(state: Any, *rest: Any) -> Any:
        if state.signal.id == bad:
            raise ValueError("a fault in the code")
        return original(state, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(passing, "decide", fail)
        assert await keeper.turn() == hours(8)
    told = {event["data"]["signal"] for event in await clockwork.events(PERMITS) if "due" in event["data"]}
    assert len(told) == 4
    assert str(bad) not in told
    await clockwork.passes(5)  # a fresh start, and the fault is mended
    assert len(await clockwork.told(PERMITS)) == 5


async def test_agreements_that_it_does_not_know_may_ask_for_more_so_it_looks_again_first(clockwork: Clockwork) -> None:
    newer = parse(TOWN.replace("teams:", "  roads: {name: Wegen, calendar: office, promise: standard}\nteams:", 1))
    desk = clockwork.desk
    keeper = clockwork.keeper()
    await keeper.turn()
    books = LedgerBooks(desk.engine, newer)
    await books.open()
    desk.intake.books = books
    await desk.take_in(desk.signal("a", departments=["roads"]))
    await clockwork.read_until(hours(100))
    await keeper.turn()
    assert await clockwork.told() == []
    assert (await keeper.horizon()).held_by == (("department.roads.answers", 0),)


async def test_the_outcome_is_the_same_whether_the_timekeeper_or_the_late_answer_came_first(
    clockwork: Clockwork,
) -> None:
    desk = clockwork.desk
    await desk.take_in(desk.signal("a"), desk.signal("b"))
    async with desk.engine.begin() as connection:  # the timekeeper does not get at "b"
        await connection.execute(text("select id from signal where id = :id for update"), {"id": signal_of("b")})
        await clockwork.passes(8.5)
    columns = "acknowledge, acknowledged_at, state, last_at, resolve_by, moments"
    query = f"select {columns} from assignment"  # noqa: S608 - names of our own columns
    assert {row.acknowledge for row in await desk.rows(query)} == {"missed", None}
    await desk.take_in(*[desk.answer(name, "acknowledged", name, seconds=9 * HOUR, **ACKNOWLEDGE) for name in "ab"])
    first, second = await desk.rows(query)
    assert tuple(first) == tuple(second)
    assert first.acknowledge == "missed"
    told = await clockwork.events(PERMITS)
    kinds = [sorted(kind_of(event, name, desk) for event in told) for name in "ab"]
    assert kinds[0] == kinds[1]


def signal_of(name: str) -> SignalId:
    return signal_id("urn:noord", name)


def kind_of(event: dict[str, Any], name: str, desk: Desk) -> tuple[str, str]:
    """Type and moment of an event about the signal of this name, of any other nothing."""
    own = event["data"].get("assignment") == str(desk.assignment(name))
    return (event["type"], event["time"]) if own else ("", "")


async def test_a_code_that_was_taken_back_before_it_had_work_holds_no_time_back(clockwork: Clockwork) -> None:
    mistaken = TOWN.replace("teams:", "  perks: {name: Vergissing, calendar: office, promise: standard}\nteams:", 1)
    await LedgerBooks(clockwork.desk.engine, parse(mistaken)).open()  # nobody reads perks' answers any more
    await clockwork.desk.take_in(clockwork.desk.signal("a"))
    await clockwork.read_until(hours(5))
    keeper = clockwork.keeper()
    await keeper.start()
    assert (await keeper.horizon()).at == hours(5) - SETTLE
