"""One batch, one transaction: every event once, with one effect."""

import json

import pytest

from services.ledger.intake import Intake
from services.runtime.errors import Fenced, PermanentError

ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}


async def test_a_signal_is_recorded_and_its_department_is_assigned(desk):
    await desk.take_in(desk.signal("a"))
    assert await desk.outbox() == [
        ("department.permits.assignments", "assignments.assigned"),
        ("team.noord.feedback", "assignments.assigned"),
    ]
    [row] = await desk.rows("select state, waiting_since, agreements from assignment")
    assert row.state == "waiting"
    assert [item.count for item in await desk.rows("select count(*) from record")] == [1]
    [key] = await desk.rows("select distinct key from outbox")
    assert key.key.decode() == str((await desk.rows("select id from signal"))[0].id)


async def test_an_answer_in_the_same_batch_as_its_signal_is_applied(desk):
    await desk.take_in(desk.signal("a"), desk.answer("b", "acknowledged", "a", seconds=5, **ACKNOWLEDGE))
    [row] = await desk.rows("select state, acknowledged_at - waiting_since as wait from assignment")
    assert (row.state, row.wait.total_seconds()) == ("acknowledged", 5)


async def test_a_repeat_has_no_effect_wherever_it_stands(desk):
    await desk.take_in(desk.signal("a"), desk.signal("a", seconds=1))
    await desk.take_in(desk.signal("a", seconds=2, partition=3))
    assert len(await desk.rows("select * from record")) == 1
    assert len(await desk.outbox()) == 2


async def test_a_batch_that_is_handed_over_again_has_no_effect(desk):
    records = [desk.signal("a"), desk.record("neighbourhood.initiative-blocked", b"no json")]
    await desk.take_in(*records)
    before = await desk.outbox()
    await desk.take_in(*records)
    assert await desk.outbox() == before
    assert ("dead-letters", "dead") in before


async def test_a_repeat_with_other_content_becomes_a_dead_letter_and_the_first_stands(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.signal("a", title="Other"), desk.signal("b"))
    dead = await desk.rows("select value, headers from outbox where topic = 'dead-letters'")
    assert len(dead) == 1
    assert json.loads(dead[0].value)["data"]["title"] == "Other"
    assert len(await desk.rows("select * from signal")) == 2


async def test_a_batch_of_another_owner_fails_whole(desk):
    await desk.take_in(desk.signal("a"))
    await desk.positions.take_over([("neighbourhood.initiative-blocked", 0)], "two")
    with pytest.raises(Fenced, match="initiative-blocked/0"):
        await desk.intake.work([desk.signal("b")])
    assert len(await desk.rows("select * from record")) == 1


async def test_a_new_owner_reads_on_where_the_last_commit_was(desk):
    await desk.take_in(desk.signal("a"), desk.signal("b"))
    offsets = await desk.positions.take_over([("neighbourhood.initiative-blocked", 0)], "two")
    assert offsets == {("neighbourhood.initiative-blocked", 0): 2}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"value": b"no json"}, "not-json"),
        ({"value": b"\xff\xfe"}, "not-utf-8"),
        ({"value": None}, "no-value"),
        ({"value": b"[]"}, "not-json"),
        ({"value": b'{"specversion": "1.0"}'}, "unreadable"),
        ({"value": b"{}", "headers": (("ce_id", b"\xff"),)}, "not-utf-8"),
        ({"value": b'{"a": "' + b"x" * 70_000 + b'"}'}, "too-large"),
    ],
)
async def test_what_cannot_be_read_becomes_a_dead_letter_and_delays_nobody(desk, record, reason):
    await desk.take_in(desk.signal("a"), desk.record("neighbourhood.initiative-blocked", **record), desk.signal("b"))
    [dead] = await desk.rows("select value, headers from outbox where topic = 'dead-letters'")
    assert dead.value == record["value"]
    assert headers(dead)["koikarper.errors.reason"] == reason
    assert len(await desk.rows("select * from signal")) == 2


async def test_a_header_whose_name_holds_a_nul_is_kept_as_it_is(desk):
    await desk.take_in(desk.record("neighbourhood.initiative-blocked", b"no json", headers=(("a\x00b", b"\x00"),)))
    [dead] = await desk.rows("select headers from outbox where topic = 'dead-letters'")
    assert headers(dead)["a\x00b"] == "\x00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "urn:zuid"}, "forged"),
        ({"team": "west"}, "unknown-code"),
        ({"neighbourhood": "BU03630101"}, "unknown-code"),
        ({"departments": ["nobody"]}, "unknown-code"),
        ({"since": "2027-01-01"}, "in-the-future"),
        ({"description": "call 06-12345678"}, "personal-data"),
        ({"blockedBy": "nothing"}, "unreadable"),
    ],
)
async def test_a_signal_that_may_not_be_becomes_a_dead_letter(desk, change, reason):
    await desk.take_in(desk.signal("a", **change))
    [dead] = await desk.rows("select headers from outbox where topic = 'dead-letters'")
    assert headers(dead)["koikarper.errors.reason"] == reason
    assert await desk.rows("select * from record") == []


async def test_what_could_not_be_read_on_an_answers_topic_is_told_to_its_sender(desk):
    await desk.take_in(desk.record("department.permits.answers", b"no json"))
    assert await desk.outbox() == [("dead-letters", "dead"), ("department.permits.assignments", "answers.refused")]


async def test_a_source_that_another_sender_lists_is_forged_on_an_answers_topic(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.answer("b", "acknowledged", "a", department="parks", **ACKNOWLEDGE))
    [dead] = await desk.rows("select headers from outbox where topic = 'dead-letters'")
    assert headers(dead)["koikarper.errors.reason"] == "forged"


async def test_an_answer_to_what_nobody_knows_is_refused_and_recorded(desk):
    await desk.take_in(desk.answer("b", "acknowledged", "unheard-of", **ACKNOWLEDGE))
    assert await desk.outbox() == [("department.permits.assignments", "answers.refused")]
    assert [row.refused for row in await desk.rows("select refused from record")] == ["unknown-assignment"]


async def test_a_record_that_the_work_keeps_failing_on_can_be_rejected_alone(desk):
    record = desk.signal("a")
    await desk.positions.take_over([(record.topic, 0)], "one")
    await desk.intake.reject(record, PermanentError("unworkable", "a fault"), 5)
    [dead] = await desk.rows("select headers from outbox")
    assert headers(dead)["koikarper.errors.attempts"] == "5"
    assert (await desk.positions.take_over([(record.topic, 0)], "one"))[record.topic, 0] == 1


async def test_unknown_fields_are_kept_and_told_on(desk):
    await desk.take_in(desk.signal("a", colour="orange"))
    [row] = await desk.rows("select value from outbox limit 1")
    assert json.loads(row.value)["data"]["report"]["colour"] == "orange"


async def test_states_come_back_from_the_rows_as_they_were_written(desk):
    await desk.take_in(desk.signal("a"), desk.answer("b", "resolved", "a", outcome="solved", explanation="done"))
    from services.ledger.store import load_states  # noqa: PLC0415 - the pair of what the intake wrote

    async with desk.engine.connect() as connection:
        ids = [row.id for row in await desk.rows("select id from signal")]
        [state] = (await load_states(connection, ids, lock=False)).values()
    assert state.signal.state == "resolved"
    [assignment] = state.assignments.values()
    assert (assignment.outcome, assignment.acknowledge) == ("solved", "met")
    assert [moment.act for moment in state.signal.moments] == ["deadline", "close"]


async def test_the_owner_is_compared_also_when_a_record_is_rejected(desk):
    record = desk.signal("a")
    await desk.positions.take_over([(record.topic, 0)], "two")
    with pytest.raises(Fenced):
        await Intake(desk.engine, desk.intake.books, owner="one").reject(record, PermanentError("unworkable"), 1)


def headers(row):
    import base64  # noqa: PLC0415 - only here

    return {name: base64.b64decode(value).decode(errors="replace") for name, value in row.headers}
