"""Dead letters are kept until somebody retries or discards them; a retried one counts as of its first moment."""

import base64
import json
from datetime import timedelta

import pytest

from services.agreements.loading import parse
from services.ledger import mending
from services.ledger.books import LedgerBooks
from services.ledger.intake import Intake
from services.ledger.mending import Choice
from services.runtime.errors import PermanentError
from tests.integration.ledger.desk import SIGNALS, START, TOWN

ANSWERS = "department.permits.answers"
WITH_WEST = TOWN.replace("routes:", "  west: {name: Wijkteam West, neighbourhoods: [WK999903]}\nroutes:")


async def letters(desk):
    return await desk.rows("select * from dead_letter order by nr")


async def mend(desk, how, *args):
    async with desk.engine.begin() as connection:
        return await how(connection, *args)


async def arrivals(desk, partition=0):
    """What the relay would publish on `loop.retries`, as the ledger would read it an hour later; and it is gone."""
    rows = await desk.rows("select seq, key, value, headers from outbox where topic = 'loop.retries' order by seq")
    async with desk.engine.begin() as connection:
        await connection.exec_driver_sql("delete from outbox where topic = 'loop.retries'")
    return [
        desk.record("loop.retries", row.value, seconds=3600, headers=decoded(row.headers))._replace(key=row.key)
        for row in rows
    ]


def decoded(headers):
    return tuple((name, base64.b64decode(value)) for name, value in headers)


async def test_a_dead_letter_is_kept_whole_with_its_first_place_and_moment(desk):
    record = desk.record(ANSWERS, b"no json\x00\xff", seconds=7, headers=(("a\x00b", b"\xff"),))
    await desk.take_in(record)
    [row] = await letters(desk)
    assert (row.topic, row.partition, row.offset) == record.place
    assert (row.read_topic, row.read_partition, row.read_offset) == record.place
    assert (row.received_at, row.reason, row.attempts) == (record.timestamp, "not-utf-8", 1)
    assert (row.sender, row.state, row.whole, row.size) == ("department:permits", "open", True, 9)
    assert (row.key, row.value) == (record.key, record.value)
    [sent] = await desk.rows("select headers from outbox where topic = 'dead-letters'")
    assert row.headers == sent.headers
    assert decoded(row.headers)[0] == ("a\x00b", b"\xff")


async def test_a_batch_that_is_handed_over_again_keeps_nothing_twice(desk):
    records = [desk.record(ANSWERS, b"no json"), desk.signal("a")]
    await desk.take_in(*records)
    await desk.take_in(*records)
    assert len(await letters(desk)) == 1


async def test_a_message_that_the_database_would_not_take_is_kept_readable(desk):
    record = desk.signal("a")
    await desk.positions.take_over([(record.topic, 0)], "one")
    await desk.intake.reject(record, PermanentError("unworkable", "a \x00 and a \ud800" + "x" * 2000), 5)
    [row] = await letters(desk)
    assert row.message.startswith("a \N{REPLACEMENT CHARACTER} and a ?xxx")
    assert len(row.message) == 1000


async def test_what_was_bad_because_of_the_agreements_becomes_a_signal_of_its_first_moment_once_they_are_mended(desk):
    await desk.take_in(desk.signal("a", seconds=5, team="west", source="urn:west"))
    [letter] = await letters(desk)
    assert letter.reason == "unknown-code"
    assert await mend(desk, mending.retry, [letter.nr], "operator", "west is in the agreements now") == {letter.nr}
    [record] = await arrivals(desk)
    assert record.value == letter.value
    books = LedgerBooks(desk.engine, parse(WITH_WEST))
    await books.open()
    desk.intake = Intake(desk.engine, books, owner="one")
    await desk.take_in(record)
    [signal] = await desk.rows("select team, waiting_since from signal")
    assert (signal.team, signal.waiting_since) == ("west", START + timedelta(seconds=5))
    assert (await desk.rows('select topic, "offset", at from record'))[0] == (SIGNALS, 0, signal.waiting_since)
    [row] = await letters(desk)
    assert (row.state, row.settled_by, row.settled_because) == ("retried", "operator", "west is in the agreements now")
    assert (row.key, row.value, row.headers) == (None, None, None)


async def test_one_that_fails_again_is_a_new_letter_of_the_same_first_place_and_is_counted_again(desk):
    await desk.take_in(desk.signal("a", seconds=5, team="west", source="urn:west"))
    [first] = await letters(desk)
    await mend(desk, mending.retry, [first.nr], "operator")
    await desk.take_in(*await arrivals(desk))
    _, second = await letters(desk)
    assert (second.state, second.topic, second.offset, second.received_at) == (
        "open",
        first.topic,
        first.offset,
        first.received_at,
    )
    assert (second.read_topic, second.value) == ("loop.retries", first.value)
    assert await desk.rows("select labels, value from counter where name = 'dead_letters'") == [
        (f"{SIGNALS}|unknown-code", 2)
    ]
    async with desk.engine.connect() as connection:
        row, others = await mending.one(connection, second.nr)
    assert [other.nr for other in others] == [first.nr]
    assert row.nr == second.nr
    await mend(desk, mending.retry, [second.nr], "operator")
    [record] = await arrivals(desk)
    assert decoded(second.headers) == record.headers


async def test_retries_go_out_in_the_order_in_which_they_were_first_received(desk):
    late = desk.signal("late", seconds=9, team="west", source="urn:west")
    early = desk.signal("early", seconds=1, team="west", partition=1)
    await desk.take_in(late)
    await desk.take_in(early)
    await mend(desk, mending.retry, [row.nr for row in await letters(desk)], "operator")
    rows = await desk.rows("select signal, value from outbox where topic = 'loop.retries' order by seq")
    assert [json.loads(row.value)["id"] for row in rows] == ["early", "late"]
    assert {row.signal for row in rows} == {mending.LANE}


async def test_a_retry_that_is_delivered_twice_has_one_effect(desk):
    await desk.take_in(desk.signal("a", team="west", source="urn:west"), desk.record(ANSWERS, b"no json"))
    bad, worse = await letters(desk)
    books = LedgerBooks(desk.engine, parse(WITH_WEST))
    await books.open()
    desk.intake = Intake(desk.engine, books, owner="one")
    await mend(desk, mending.retry, [bad.nr, worse.nr], "operator")
    records = await arrivals(desk)
    again = [record._replace(offset=record.offset + len(records)) for record in records]
    await desk.take_in(*records)
    await desk.take_in(*again)
    assert len(await desk.rows("select * from signal")) == 1


async def test_what_is_settled_is_settled_once(desk):
    await desk.take_in(desk.record(ANSWERS, b"no json"), desk.record(ANSWERS, b"nor this"))
    first, second = [row.nr for row in await letters(desk)]
    assert await mend(desk, mending.retry, [first], "operator") == {first}
    assert await mend(desk, mending.discard, [first, second, 99], "operator", "a test") == {second}
    assert await mend(desk, mending.retry, [first, second], "operator") == set()
    assert len(await arrivals(desk)) == 1
    row = (await letters(desk))[1]
    assert (row.state, row.settled_because, row.value) == ("discarded", "a test", None)


async def test_a_retry_that_does_not_commit_leaves_the_letter_open_and_sends_nothing(desk):
    await desk.take_in(desk.record(ANSWERS, b"no json"))
    [letter] = await letters(desk)
    async with desk.engine.connect() as connection:
        await mending.retry(connection, [letter.nr], "operator")
        await connection.rollback()
    assert await letters(desk) == [letter]
    assert await arrivals(desk) == []


async def test_what_was_too_large_to_keep_whole_cannot_be_retried(desk):
    await desk.take_in(desk.record(ANSWERS, b"x" * 3_000_000))
    [letter] = await letters(desk)
    assert (letter.whole, letter.size, len(letter.value)) == (False, 3_000_000, 1024 * 1024)
    assert await mend(desk, mending.retry, [letter.nr], "operator") == set()
    assert await mend(desk, mending.discard, [letter.nr], "operator", "too large") == {letter.nr}


@pytest.mark.parametrize("topic", ["department.no\x00body.answers", "neighbourhood.nothing", "loop.retries"])
async def test_a_retry_that_names_no_place_of_ours_is_counted_as_it_came_and_told_to_nobody(desk, topic):
    forged = {"topic": topic, "partition": "0", "offset": "0", "timestamp": "1998-01-01T00:00:00Z"}
    headers = tuple((f"koikarper.errors.{name}", value.encode()) for name, value in forged.items())
    await desk.take_in(desk.record("loop.retries", b"no json", headers=headers))
    [row] = await letters(desk)
    assert (row.topic, row.sender) == ("loop.retries", None)
    assert await desk.outbox() == [("dead-letters", "dead")]


@pytest.mark.parametrize("number", ["-1", str(2**63)])
async def test_a_place_that_no_kafka_has_is_not_believed(desk, number):
    forged = {"topic": ANSWERS, "partition": "0", "offset": number, "timestamp": "1998-01-01T00:00:00Z"}
    headers = tuple((f"koikarper.errors.{name}", value.encode()) for name, value in forged.items())
    await desk.take_in(desk.record("loop.retries", b"no json", headers=headers))
    assert [row.topic for row in await letters(desk)] == ["loop.retries"]


async def test_letters_are_chosen_by_topic_reason_and_moment(desk):
    await desk.take_in(
        desk.record(ANSWERS, b"no json"), desk.signal("a", team="west", source="urn:west"), desk.record(ANSWERS, None)
    )
    rows = await letters(desk)
    async with desk.engine.connect() as connection:
        by_topic = await mending.numbers_of(connection, Choice(topic=ANSWERS))
        by_reason = await mending.numbers_of(connection, Choice(topic=ANSWERS, reason="no-value"))
        later = await mending.numbers_of(connection, Choice(since=rows[-1].at + timedelta(seconds=1)))
        groups = await mending.counted(connection, Choice())
    assert by_topic == [row.nr for row in rows if row.topic == ANSWERS]
    assert by_reason == [row.nr for row in rows if row.reason == "no-value"]
    assert later == []
    assert {(row.topic, row.reason, row.letters) for row in groups} == {
        (ANSWERS, "not-json", 1),
        (ANSWERS, "no-value", 1),
        (SIGNALS, "unknown-code", 1),
    }
