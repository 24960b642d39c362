"""The edges of the batch transaction: crashes, two workers, repeats, and records that mean harm."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from events.catalogue import DEAD_LETTERS, PREFIX, RETRIES, neighbourhood_topic, signal_type
from events.envelope import OUTCOME_SIZE_MAX, SIZE_MAX, encode, structured
from events.identifiers import signal_id
from services.ledger import recording, writing
from services.ledger.intake import Intake
from services.runtime import dead_letters
from services.runtime.errors import PermanentError, TransientError
from services.runtime.options import MESSAGE_BYTES_MAX

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIGNALS = neighbourhood_topic("initiative-blocked")
ANSWERS = "department.permits.answers"
ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}
DONE = {"outcome": "solved", "explanation": "done"}


def team_answer(desk, id_, verb, of, *, seconds=0.0, **data):
    body = {"signal": str(signal_id("urn:noord", of)), "by": "connector"} | data
    event = structured(id_=id_, source="urn:noord", type_=f"{PREFIX}.signals.{verb}.v1", time=START, data=body)
    return desk.record("team.noord.answers", event, seconds=seconds)


def headers(row):
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in row.headers}


async def dead(desk):
    return await desk.rows("select key, value, headers from outbox where topic = 'dead-letters' order by seq")


async def refused(desk):
    rows = await desk.rows("select value from outbox where headers is null order by seq")
    events = [json.loads(row.value) for row in rows]
    return [event for event in events if event["type"].endswith("answers.refused.v1")]


async def count(desk, table):
    return len(await desk.rows(f"table {table}"))


async def test_an_answer_that_stands_before_its_signal_in_a_batch_is_applied(desk):
    acknowledged = desk.answer("b", "acknowledged", "a", seconds=-1, **ACKNOWLEDGE)
    await desk.take_in(acknowledged, team_answer(desk, "c", "withdrawn", "a", reason="so"), desk.signal("a"))
    [row] = await desk.rows("select state, acknowledged_at - waiting_since as wait from assignment")
    assert (row.state, row.wait) == ("closed", timedelta(0))
    assert await refused(desk) == []


async def test_an_answer_that_names_a_signal_where_an_assignment_belongs_harms_nobody(desk):
    await desk.take_in(desk.signal("a"))
    mistaken = {"assignment": str(signal_id("urn:noord", "a"))}
    await desk.take_in(
        desk.answer("b", "acknowledged", "a", **ACKNOWLEDGE | mistaken),
        team_answer(desk, "c", "withdrawn", "a", reason="so"),
    )
    assert [event["data"]["reason"] for event in await refused(desk)] == ["unknown-assignment"]
    assert [row.state for row in await desk.rows("select state from signal")] == ["closed"]


@pytest.mark.parametrize(
    "noise", [{"rules": "x"}, {"rules": [{"title": "no code"}]}, {"agendas": [1]}, {"department": 7}]
)
async def test_unknown_fields_that_are_another_kinds_are_ignored(desk, noise):
    await desk.take_in(desk.signal("a", **noise))
    [row] = await desk.rows("select rules, report from signal")
    assert row.rules == []
    assert row.report.items() >= noise.items()


async def test_a_retried_record_counts_by_its_first_place_and_moment(desk):
    first = desk.signal("a")
    pairs = dead_letters.headers(first, service="ledger", reason="unknown-code", message="", attempts=1)
    retried = first._replace(topic=RETRIES, offset=17, headers=tuple(pairs), timestamp=START + timedelta(hours=1))
    await desk.take_in(retried)
    [row] = await desk.rows('select topic, partition, "offset", at from record')
    assert tuple(row) == (SIGNALS, 0, 0, START)


async def test_a_dead_letter_of_a_dead_letter_keeps_its_first_place_and_its_sender_hears_again(desk):
    first = desk.record(ANSWERS, b"no json", headers=(("own", b"\xff"),))
    await desk.take_in(first)
    [letter] = await dead(desk)
    pairs = tuple((name, base64.b64decode(value)) for name, value in letter.headers)
    await desk.take_in(first._replace(topic=RETRIES, offset=4, headers=pairs, timestamp=START + timedelta(hours=1)))
    again = (await dead(desk))[1]
    assert (headers(again), again.value) == (headers(letter), b"no json")
    told = await refused(desk)
    assert len({event["id"] for event in told}) == 2


async def test_one_id_that_is_refused_and_then_repeated_otherwise_is_told_as_two_events(desk):
    await desk.take_in(desk.answer("b", "acknowledged", "unheard-of", **ACKNOWLEDGE))
    for note in ("one", "two"):
        await desk.take_in(desk.answer("b", "acknowledged", "unheard-of", **ACKNOWLEDGE, note=note))
    told = await refused(desk)
    assert [event["data"]["reason"] for event in told] == ["unknown-assignment", "unreadable", "unreadable"]
    assert len({event["id"] for event in told}) == 3


async def test_a_signal_repeated_otherwise_is_no_answer_so_nobody_is_told(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.signal("a", title="Other"))
    assert await refused(desk) == []


HOLE, GROWING = b'"hole"', b"[" + b"1e15," * 12_000 + b"1]"
LONG = "k" * 60_000
HARMFUL = {
    "one long name, many faults": {"value": {LONG: ["06-12345678"] * 30}},
    "an id of 900 KB": {"headers": (("ce_id", b"\x01" * 900_000), ("ce_source", b"urn:permits"), ("ce_type", b"x"))},
    "numbers that grow": {"value": {"numbers": "hole"}},
    "a number out of range": {"body": b'{"data": {"a": 1e400}}'},
    "a number of 5,000 digits": {"body": b'{"data": {"a": ' + b"9" * 5_000 + b"}}"},
    "deep nesting": {"body": b'{"data": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"},
    "a NUL": {"body": b'{"id": "a\\u0000b"}'},
    "half a surrogate pair": {"body": b'{"id": "\\ud800"}'},
    "a lone surrogate in UTF-8": {"body": b'{"id": "\xed\xa0\x80"}'},
    "no bytes at all": {"body": b""},
    "an id of 70,000 characters": {"body": b'{"id": "' + b"x" * 65_000 + b'"}'},
}


@pytest.mark.parametrize("harm", HARMFUL.values(), ids=HARMFUL)
async def test_nothing_that_a_sender_writes_makes_an_event_that_topics_refuse(desk, harm):
    answer = desk.answer("b", "acknowledged", "a", **ACKNOWLEDGE, **harm.get("value", {}))
    body = harm.get("body", answer.value.replace(HOLE, GROWING))
    record = answer._replace(value=body, headers=harm.get("headers", answer.headers))
    await desk.take_in(desk.signal("a"), record)
    [letter] = await dead(desk)
    assert letter.value == record.value
    [told] = await refused(desk)
    assert len(encode(told)) < SIZE_MAX
    assert await count(desk, "signal") == 1


async def test_a_report_whose_numbers_grow_is_too_large_rather_than_an_assignment_that_nobody_can_read(desk):
    record = desk.signal("a", numbers="hole")
    await desk.take_in(record._replace(value=record.value.replace(HOLE, GROWING)))
    assert [headers(row)["koikarper.errors.reason"] for row in await dead(desk)] == ["too-large"]


async def test_a_binary_event_of_the_greatest_size_is_taken_in_with_its_attributes(desk):
    data = json.loads(desk.signal("a").value)["data"]
    body = encode(data | {"filling": "x" * (SIZE_MAX - len(encode(data | {"filling": ""})))})
    attributes = {"specversion": "1.0", "id": "b", "source": "urn:noord", "type": signal_type("initiative-blocked")}
    pairs = tuple((f"ce_{name}", value.encode()) for name, value in attributes.items())
    await desk.take_in(desk.record(SIGNALS, body, headers=(*pairs, ("content-type", b"application/json"))))
    assert await dead(desk) == []
    rows = await desk.rows("select value from outbox")
    assert max(len(row.value) for row in rows) < OUTCOME_SIZE_MAX


async def test_a_record_larger_than_a_dead_letter_may_be_is_kept_as_far_as_it_fits(desk):
    # A broker limits a batch as it is compressed; what it holds may be far larger.
    value, own = b"x" * (3 * MESSAGE_BYTES_MAX), (("own", b"y" * MESSAGE_BYTES_MAX),)
    await desk.take_in(desk.record(ANSWERS, value, headers=own))
    [letter] = await dead(desk)
    size = len(letter.value) + len(letter.key or b"") + sum(len(base64.b64decode(pair)) for _, pair in letter.headers)
    assert size < MESSAGE_BYTES_MAX
    assert value.startswith(letter.value)
    assert str(len(value)) in headers(letter)["koikarper.errors.message"]


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
async def test_a_record_on_which_the_work_fails_can_always_be_rejected(desk, moment):
    record = desk.answer("b", "resolved", "a", **DONE)._replace(timestamp=moment, key=None)
    await desk.positions.take_over([(ANSWERS, 0)], "one")
    await desk.intake.reject(record, PermanentError("unworkable", "a fault\x00 of \ud800 " + "x" * 100_000), 5)
    [letter] = await dead(desk)
    assert (letter.key, letter.value) == (None, record.value)
    [told] = await refused(desk)
    assert told["data"]["event"] == {"source": "urn:permits", "id": "b"}


async def test_a_retried_answer_that_is_rejected_is_told_to_its_sender(desk):
    first = desk.answer("b", "resolved", "a", **DONE)
    pairs = dead_letters.headers(first, service="ledger", reason="unworkable", message="", attempts=5)
    record = first._replace(topic=RETRIES, offset=0, headers=tuple(pairs))
    await desk.positions.take_over([(RETRIES, 0)], "one")
    await desk.intake.reject(record, PermanentError("unworkable", "a fault"), 5)
    assert [row.topic for row in await desk.rows("select topic from outbox order by seq")] == [
        DEAD_LETTERS,
        "department.permits.assignments",
    ]


async def test_moments_at_the_ends_of_the_calendar_are_kept(desk):
    contact = {"with": "resident", "form": "call", "on": "0001-01-01T00:00:00Z"}
    await desk.take_in(desk.signal("a"), team_answer(desk, "b", "contact-recorded", "a", **contact))
    [row] = await desk.rows("select contact_on from signal")
    assert row.contact_on == datetime(1, 1, 1, tzinfo=UTC)
    later = contact | {"on": "9999-12-31T23:59:59Z"}
    await desk.take_in(team_answer(desk, "c", "contact-recorded", "a", seconds=9, **later))
    [letter] = await dead(desk)
    assert headers(letter)["koikarper.errors.reason"] == "in-the-future"
    [row] = await desk.rows("select contact_on from signal")
    assert row.contact_on == datetime(1, 1, 1, tzinfo=UTC)


CRASHES = [
    (writing, "record_identities"),
    (recording, "write_record"),
    (writing, "write_outbox"),
]


@pytest.mark.parametrize(("module", "name"), CRASHES, ids=[name for _, name in CRASHES])
async def test_a_connection_lost_half_way_leaves_nothing_and_the_repeat_does_it_once(desk, monkeypatch, module, name):
    original = getattr(module, name)

    async def cut(connection, *rest):
        result = await original(connection, *rest)
        pid = await connection.scalar(text("select pg_backend_pid()"))
        async with desk.engine.connect() as other:
            await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        await connection.execute(text("select 1"))
        return result

    records = [desk.signal("a"), desk.answer("b", "acknowledged", "a", **ACKNOWLEDGE)]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, cut)
        with pytest.raises(TransientError):
            await desk.take_in(*records)
    assert [await count(desk, table) for table in ("record", "identity", "signal", "outbox")] == [0, 0, 0, 0]
    await desk.take_in(*records)
    assert [await count(desk, table) for table in ("record", "signal", "outbox")] == [2, 1, 3]


async def test_two_workers_with_the_same_signals_neither_deadlock_nor_do_anything_twice(desk):
    names = [f"s{number}" for number in range(40)]
    other = Intake(desk.engine, desk.intake.books, owner="two")
    await desk.positions.take_over([(SIGNALS, 0), (ANSWERS, 0)], "one")
    await desk.positions.take_over([(SIGNALS, 1), ("team.noord.answers", 0)], "two")
    one = [desk.signal(name) for name in names]
    two = [desk.signal(name, partition=1) for name in reversed(names)]
    await asyncio.gather(desk.intake.work(one), other.work(two))
    for turn in range(5):
        pause = turn * 10 + 1
        resolved = [desk.answer(f"r{turn}{n}", "resolved", n, seconds=pause, **DONE) for n in names]
        contested = [
            team_answer(desk, f"c{turn}{n}", "contested", n, seconds=pause + 5, reason="no") for n in reversed(names)
        ]
        await asyncio.gather(desk.intake.work(resolved), other.work(contested))
    assert await count(desk, "signal") == len(names)
    assert await count(desk, "record") == len(names) * 11
    ids = [json.loads(row.value)["id"] for row in await desk.rows("select value from outbox where topic like 'team.%'")]
    assert len(set(ids)) == len(ids)


async def test_a_take_over_waits_for_the_batch_at_work_and_sees_its_offsets(desk):
    await desk.positions.take_over([(SIGNALS, number) for number in range(6)], "one")
    records = [desk.signal(f"s{number}", partition=number % 6) for number in range(300)]
    _, offsets = await asyncio.gather(
        settled(desk.intake.work(records)),
        desk.positions.take_over([(SIGNALS, number) for number in reversed(range(6))], "two"),
    )
    assert set(offsets.values()) in ({50}, {0})
    assert await count(desk, "record") == sum(offsets.values())


async def settled(work):
    try:
        await work
    except TransientError:
        return


async def test_what_becomes_of_a_signal_with_many_departments_is_written_in_parts(desk, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK_BYTES", 1_000)
    await desk.take_in(*[desk.signal(f"s{number}") for number in range(20)])
    rows = await desk.rows("select topic, value from outbox order by seq")
    assert [json.loads(row.value)["data"]["signal"] for row in rows[::2]] == [
        str(signal_id("urn:noord", f"s{number}")) for number in range(20)
    ]


async def test_a_record_without_a_broker_clock_that_runs_forwards_keeps_its_partitions_order(desk):
    await desk.take_in(
        desk.signal("a", seconds=10),
        desk.answer("b", "resolved", "a", seconds=20, **DONE),
        desk.answer("c", "resolved", "a", seconds=5, outcome="refused", explanation="no"),
    )
    assert [event["data"]["reason"] for event in await refused(desk)] == ["already-resolved"]
    [row] = await desk.rows("select resolved_at - waiting_since as wait from assignment")
    assert row.wait == timedelta(seconds=10)
