"""While the team does not answer, the ladders of the departments whose work it judges go on (contract 2, issue 4)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book
from services.ledger.passing import next_moment

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUNGS = """
    - {stage: resolve, at: 50%, remind: department}
    - {stage: confirm, at: 50%, remind: team}
    - {stage: confirm, at: due - 6 hours, remind: department}
    - {stage: confirm, at: due + 12 hours, escalate: control}
"""


def at(hours):
    return START + timedelta(hours=hours)


@pytest.fixture
def asked(life):
    """A life in a town whose ladder has rungs at the stage confirm; the question is put at hour 5, due at hour 29."""
    text = life.book.current.text.replace("\n    - {stage: resolve, at: 50%, remind: department}\n", RUNGS)
    return type(life)(Book.only(parse_agreements(text))).report().department("permits", "resolved", 5)


def calls(life):
    """What was called at the team's stage: the act, its hour, the rung, to whom, and on which topics."""
    named = [(name, follow) for name in ("reminded", "escalated") for follow in life.told(name)]
    data = [(name, follow.topics, follow.raw["data"]) for name, follow in named]
    return sorted(
        ((datetime.fromisoformat(item["due"]) - START) / timedelta(hours=1), name, item["rung"], item["to"], topics)
        for name, topics, item in data
        if item["stage"] == "confirm"
    )


TEAM, DEPARTMENT = ("team.noord.feedback",), ("department.permits.assignments",)
CALLED_IN = ("department.permits.assignments", "department.control.assignments", "team.noord.feedback")


def test_they_happen_after_the_team_was_asked_each_once_at_its_own_moment_until_it_is_closed(asked):
    for hour in (16, 17.5, 23.5, 30, 42, 60, 90):
        asked.passes(hour)
    assert calls(asked) == [
        (17.0, "reminded", 4, "noord", TEAM),
        (23.0, "reminded", 5, "permits", DEPARTMENT),
        (29.0, "reminded", 1, "noord", TEAM),
        (41.0, "escalated", 6, "control", CALLED_IN),
    ]
    assert (asked.signal.how, asked.assignment().moments[0].stage) == ("unconfirmed", "resolve")


def test_they_come_in_order_when_several_passed_together(asked):
    together = asked.passes(90)
    times = [follow.raw["time"] for follow in together.follows]
    assert times == sorted(times)
    assert [call[0] for call in calls(together)] == [17.0, 23.0, 29.0, 41.0]


def test_the_timekeeper_is_woken_for_them(asked):
    woken = []
    while due := next_moment(asked.state):
        woken.append((due - START) / timedelta(hours=1))
        asked.passes(woken[-1] + 0.1)
    assert woken == [17, 23, 29, 41, 53]


@pytest.mark.parametrize("verb", ["confirmed", "contested", "withdrawn"])
def test_they_are_dropped_when_the_team_answers(asked, verb):
    asked.passes(18).team(verb, 20).passes(300)
    assert [call[0] for call in calls(asked)] == [17.0]


def test_an_answer_lets_those_before_it_happen_first(asked):
    asked.team("confirmed", 24)
    assert [call[0] for call in calls(asked)] == [17.0, 23.0]


def test_a_second_question_has_rungs_of_its_own(asked):
    asked.passes(18).team("contested", 20).department("permits", "resolved", 21).passes(40)
    assert [call[0] for call in calls(asked)] == [17.0, 33.0, 39.0]
    ids = [follow.raw["id"] for follow in asked.follows]
    assert len(ids) == len(set(ids))


def test_with_several_departments_each_ladder_counts_to_the_longest_promise(asked):
    both = type(asked)(asked.book).report("control").department("control", "resolved", 1)
    both.department("permits", "resolved", 5).passes(54)
    assert [call[0] for call in calls(both)] == [29.0, 47.0, 53.0, 53.0]
    assert all(follow.raw["data"]["assignment"] for follow in both.told("reminded"))


def test_a_rung_that_reminds_the_team_when_it_is_due_is_the_reminder_of_that_moment(life):
    rungs = "\n    - {stage: confirm, at: due, remind: team}\n"
    text = life.book.current.text.replace("\n    - {stage: acknowledge, at: 50%, remind: department}\n", rungs)
    own = type(life)(Book.only(parse_agreements(text))).report().department("permits", "resolved", 5).passes(60)
    assert [call[:3] for call in calls(own)] == [(29.0, "reminded", 1)]


def test_a_rung_after_the_signal_is_closed_does_not_come(life):
    rungs = "\n    - {stage: confirm, at: due + 48 hours, escalate: control}\n"
    text = life.book.current.text.replace("\n    - {stage: acknowledge, at: 50%, remind: department}\n", rungs)
    own = type(life)(Book.only(parse_agreements(text))).report().department("permits", "resolved", 5).passes(900)
    assert [call[1] for call in calls(own)] == ["reminded"]
    assert next_moment(own.state) is None
    assert {moment.stage for moment in own.assignment().moments} == {"resolve"}  # for a contest in the days that follow
