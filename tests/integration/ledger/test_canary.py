"""A canary leaves its last hour of rounds in the ledger, and nothing that is kept for ever."""

import json

import pytest

from services.ledger.migrations import migrate
from tests.integration.ledger.canary import confirm, go_round, report, resolve, signal_of
from tests.integration.ledger.desk import at_desk
from tests.integration.ledger.test_rights import of_role, owned, role  # noqa: F401 - fixtures

HOUR = 3600


async def canaries(desk):
    rows = await desk.rows("select id, state, how from signal where kind = 'canary' order by waiting_since")
    return [(row.id, row.state, row.how) for row in rows]


async def kept(desk):
    """What stays for ever."""
    queries = ("select * from record", "select * from identity order by key", "select * from counter order by 1, 2")
    return [await desk.rows(query) for query in queries]


async def test_a_round_goes_to_its_department_and_back_to_its_team(desk):
    await go_round(desk, "one", seconds=0)
    assert await canaries(desk) == [(signal_of("one"), "closed", "confirmed")]
    assert await desk.outbox() == [
        ("department.canary.assignments", "assignments.assigned"),
        ("team.canary.feedback", "assignments.assigned"),
        ("team.canary.feedback", "assignments.resolved"),
        ("team.canary.feedback", "signals.resolution-proposed"),
        ("department.canary.assignments", "signals.closed"),
        ("team.canary.feedback", "signals.closed"),
    ]


async def test_a_whole_round_in_one_batch_closes_too(desk):
    await desk.take_in(report(desk, "one", seconds=0), resolve(desk, "one", seconds=1), confirm(desk, "one", seconds=2))
    assert await canaries(desk) == [(signal_of("one"), "closed", "confirmed")]


async def test_what_it_says_is_neither_recorded_nor_counted(desk):
    await desk.take_in(desk.signal("s1"))
    before = await kept(desk)
    await go_round(desk, "one", seconds=1)
    assert await kept(desk) == before


async def test_a_repeat_of_any_step_changes_nothing(desk):
    await go_round(desk, "one", seconds=0)
    told = await desk.outbox()
    await desk.take_in(report(desk, "one", seconds=5))
    await desk.take_in(confirm(desk, "one", seconds=6), resolve(desk, "one", seconds=6))
    assert await desk.outbox() == told
    assert await canaries(desk) == [(signal_of("one"), "closed", "confirmed")]


async def test_a_round_that_closes_removes_those_of_more_than_an_hour_ago_also_one_that_got_stuck(desk):
    await desk.take_in(desk.signal("s1"))
    await go_round(desk, "early", seconds=0)
    await desk.take_in(report(desk, "stuck", seconds=60))
    await desk.take_in(report(desk, "later", seconds=HOUR))
    await go_round(desk, "now", seconds=HOUR + 120)
    assert await canaries(desk) == [
        (signal_of("later"), "open", None),
        (signal_of("now"), "closed", "confirmed"),
    ]
    left = await desk.rows("select department from assignment order by department")
    assert [row.department for row in left] == ["canary", "canary", "permits"]


async def test_a_late_answer_to_a_round_that_was_removed_is_refused_and_harms_nothing(desk):
    await desk.take_in(report(desk, "stuck", seconds=0))
    await go_round(desk, "now", seconds=HOUR + 60)
    await desk.take_in(resolve(desk, "stuck", seconds=HOUR + 70), confirm(desk, "stuck", seconds=HOUR + 71))
    assert (await desk.outbox())[-2:] == [
        ("department.canary.assignments", "answers.refused"),
        ("team.canary.feedback", "answers.refused"),
    ]
    assert await canaries(desk) == [(signal_of("now"), "closed", "confirmed")]


@pytest.mark.parametrize(
    ("source", "team", "reason", "message"),
    [
        ("urn:noord", "noord", "unreadable", "must be canary: the machinery sends this kind to itself"),
        ("urn:noord", "canary", "forged", "urn:noord is not a source of team canary"),
        ("urn:nld:oin:00000099000000001000:systeem:koikarper", "canary", "forged", "is not a source of team canary"),
    ],
)
async def test_a_signal_of_its_kind_from_anybody_else_is_a_dead_letter_that_says_why(
    desk, source, team, reason, message
):
    await desk.take_in(report(desk, "one", seconds=0, source=source, team=team))
    [letter] = await desk.rows("select topic, reason, message from dead_letter")
    assert (letter.topic, letter.reason) == ("neighbourhood.canary", reason)
    assert message in letter.message
    assert await canaries(desk) == []


async def test_what_a_team_says_about_a_canary_is_refused_and_recorded(desk):
    await desk.take_in(report(desk, "one", seconds=0))
    await desk.take_in(confirm(desk, "one", seconds=1, source="urn:noord", team="noord"))
    [row] = await desk.rows("select sender, refused, body from record")
    assert (row.sender, row.refused) == ("team:noord", "not-your-signal")
    assert json.loads(bytes(row.body))["data"]["signal"] == str(signal_of("one"))
    assert await canaries(desk) == [(signal_of("one"), "open", None)]


async def test_the_services_own_role_may_remove_old_rounds(owned, role):  # noqa: F811 - fixtures
    await migrate(owned)
    async with at_desk(of_role(owned, role), migrated=True) as desk:
        await go_round(desk, "early", seconds=0)
        await go_round(desk, "now", seconds=HOUR + 60)
        assert await canaries(desk) == [(signal_of("now"), "closed", "confirmed")]
