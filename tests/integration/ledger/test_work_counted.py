"""A guard on the speed of the hot path that needs no clock: how much work a batch gives to PostgreSQL, counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from services.runtime.records import Record
from tests.integration.ledger.desk import Desk

CONTACT: dict[str, Any] = {"contact": {"role": "clerk", "reach": "14 020"}}
TABLES = ("identity", "record", "seal", "signal", "assignment", "outbox")

MIXED = [
    "begin",
    "select topic, partition, next_offset",  # hold the positions
    "insert into identity",
    "select key, digest from identity",  # is what came before the same?
    "select id, signal from assignment",  # of which signals the answers speak
    "select id, kind, team, neighbourhood, report",
    "select id, signal, department",
    "with signals as ( insert into signal",  # and the assignments
    "with sealed as ( insert into seal",  # and the record
    "with written as ( insert into outbox",  # and the relay is woken
    "update reading",
    "insert into counter",
    "commit",
]
"""What is sent for a batch in which everything occurs, in order; each is a round trip."""
ONLY_NEW = [sent for sent in MIXED if not sent.startswith(("select key", "select id, signal"))]
"""Of a batch without repeats and answers."""
ONLY_REPEATS = [*MIXED[:4], "update reading", "commit"]


@contextmanager
def counting(desk: Desk) -> Iterator[list[str]]:
    """The statements that the intake sends, and each begin and commit, which are a round trip as well."""
    sent: list[str] = []
    engine = desk.engine.sync_engine
    listeners = {
        "before_cursor_execute": lambda _, __, statement, *___: sent.append(" ".join(statement.split())),
        "begin": lambda _: sent.append("begin"),
        "commit": lambda _: sent.append("commit"),
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield sent
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


def signals(desk: Desk, name: str, count: int) -> list[Record]:
    return [desk.signal(f"{name}-{number}", seconds=60) for number in range(count)]


def mixed(desk: Desk, count: int) -> list[Record]:
    """Of every ten: six new signals, three first answers, and one that was sent before."""
    answers = [
        desk.answer(f"ack-{number}", "acknowledged", f"old-{number}", seconds=90, **CONTACT)
        for number in range(count * 3 // 10)
    ]
    return [*signals(desk, "new", count * 6 // 10), *answers, *signals(desk, "old", count // 10)]


async def work_counted(desk: Desk, records: list[Record]) -> list[str]:
    await desk.positions.take_over({(record.topic, record.partition) for record in records}, desk.intake.owner)
    with counting(desk) as sent:
        await desk.intake.work(records)
    return sent


async def counts(desk: Desk) -> dict[str, int]:
    query = ", ".join(f"(select count(*) from {table}) as {table}" for table in TABLES)  # noqa: S608 - our own tables
    return dict((await desk.rows(f"select {query}"))[0]._mapping)


def assert_sent(sent: list[str], expected: list[str]) -> None:
    assert len(sent) == len(expected), sent
    assert [one[: len(begun)] for one, begun in zip(sent, expected, strict=True)] == expected


@pytest.mark.parametrize("count", [10, 130])
async def test_a_small_and_a_larger_batch_cost_the_same_eleven_statements(desk: Desk, count: int) -> None:
    await desk.take_in(*signals(desk, "old", count))
    assert_sent(await work_counted(desk, mixed(desk, count)), MIXED)


async def test_each_125_more_that_are_decided_cost_one_more_statement(desk: Desk) -> None:
    await desk.take_in(*signals(desk, "old", 300))
    place = next(number for number, sent in enumerate(MIXED) if sent.startswith("with signals"))
    assert_sent(await work_counted(desk, mixed(desk, 300)), [*MIXED[:place], *[MIXED[place]] * 3, *MIXED[place + 1 :]])


async def test_nothing_is_asked_or_written_that_a_batch_does_not_need(desk: Desk) -> None:
    assert_sent(await work_counted(desk, signals(desk, "old", 20)), ONLY_NEW)
    assert_sent(await work_counted(desk, signals(desk, "old", 20)), ONLY_REPEATS)


async def test_an_event_costs_a_row_where_it_is_kept_and_one_for_each_who_is_told(desk: Desk) -> None:
    await desk.take_in(*signals(desk, "old", 100))
    before = await counts(desk)
    await desk.take_in(*mixed(desk, 100))
    after = await counts(desk)
    assert {table: after[table] - before[table] for table in TABLES} == {
        "identity": 90,  # nothing for a repeat
        "record": 90,
        "seal": 2,  # one for each partition read
        "signal": 60,
        "assignment": 60,
        "outbox": 150,  # a signal: to its department and its team; an answer: to the team
    }
