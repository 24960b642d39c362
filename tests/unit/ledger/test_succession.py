"""A code is retired, never removed: what its department had open goes to its heir (contract 2)."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book
from services.ledger.succession import retire

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MIDNIGHT = 14
"""Hours until the end of 2 March in Amsterdam: the department's last day."""


def at(hours):
    return START + timedelta(hours=hours)


def closing(book, *changes):
    """A book in which `permits` ends with 2 March and `parks` succeeds it, known besides the earlier one."""
    text = book.current.text.replace(
        "permits: {name: Vergunningen,", "permits: {name: Vergunningen, until: 2026-03-02, successor: parks,"
    )
    for old, new in changes:
        text = text.replace(old, new)
    current = parse_agreements(text)
    return Book(current, {**book.versions, current.version: current})


def retired(life, hours, *changes):
    """The life after the loop handed over at `hours`, under agreements in which `permits` is retired."""
    if life.book.current.departments["permits"].until is None:
        life.book = closing(life.book, *changes)
    return life._take(retire(life.state, at(hours), life.book))


def test_an_open_assignment_of_a_retired_department_is_handed_over_to_its_successor(life):
    retired(life.report(), MIDNIGHT + 1)
    giver, heir = life.assignment("permits"), life.assignment("parks")
    assert (giver.state, giver.handed_over_to, giver.ended_at) == ("handed-over", "parks", at(MIDNIGHT + 1))
    assert (heir.state, heir.handed_over_from, heir.assigned_at) == ("waiting", "permits", at(MIDNIGHT + 1))
    assert (heir.waiting_since, heir.resolve_by) == (at(0), at(48))
    assert heir.acknowledge_by == at(MIDNIGHT + 9)


def test_the_team_hears_it_from_the_loop_before_it_hears_of_the_heirs_assignment(life):
    retired(life.report(), MIDNIGHT + 1)
    told, assigned = life.follows[-2:]
    assert (told.topics, told.raw["source"]) == (("team.noord.feedback",), life.book.current.source)
    assert told.raw["type"] == "nl.koikarper.assignments.handed-over.v1"
    assert told.raw["data"] == {
        "assignment": str(life.id("permits")),
        "by": "koikarper",
        "to": "parks",
        "reason": "permits is retired; parks answers in its place",
    }
    assert (assigned.topics, assigned.raw["data"]["handedOverFrom"]) == (
        ("department.parks.assignments", "team.noord.feedback"),
        "permits",
    )


@pytest.mark.parametrize(("hours", "verdict"), [(MIDNIGHT + 1, "missed"), (7, "met")])
def test_its_acknowledge_stage_is_decided_as_by_a_hand_over(life, hours, verdict):
    gone = ("until: 2026-03-02", "until: 2026-03-01")
    retired(life.report(), hours, gone)
    assert (life.assignment("permits").acknowledge, life.assignment("permits").acknowledged_at) == (verdict, at(hours))


def test_until_its_last_day_has_ended_nothing_is_handed_over(life):
    life.report()
    before = life.state
    retired(life, MIDNIGHT - 0.001)
    assert life.state == before
    assert life.told("handed-over") == []
    assert retired(life, MIDNIGHT).assignment("permits").state == "handed-over"


def test_a_day_named_when_it_has_gone_by_accuses_nobody_of_what_it_was_not_told(life):
    life.report().department("permits", "acknowledged", 1)
    retired(life, 40).passes(41)
    assert life.assignment("parks").acknowledge_by == at(48)
    assert life.told("deadline-missed") == []


def test_acknowledged_work_goes_too_and_resolved_work_stays_until_it_is_contested(life):
    life.report("roads").department("permits", "acknowledged", 1).department("permits", "resolved", 2)
    assert retired(life, 20).assignment("permits").state == "resolved"
    life.team("contested", 21)
    assert retired(life, 22).assignment("permits").state == "handed-over"
    assert life.assignment("parks").state == "waiting"
    assert life.assignment("roads").state == "waiting"


def test_repeated_it_finds_nothing_to_do(life):
    retired(life.report(), 20)
    before, told = life.state, len(life.follows)
    retired(life, 30)
    assert (life.state, len(life.follows)) == (before, told)


def test_it_is_always_told_as_the_same_event(life):
    other = retired(type(life)(life.book).report(), 30)
    retired(life.report(), 20)
    ids = [[follow.raw["id"] for follow in each.follows[-2:]] for each in (life, other)]
    assert ids[0] == ids[1]


def test_an_open_assignment_of_the_heir_and_this_one_merge(life):
    retired(life.report("parks"), 20)
    assert set(life.state.assignments) == {life.id("permits"), life.id("parks")}
    assert life.assignment("permits").handed_over_to == "parks"


def test_an_heir_that_had_resolved_it_gets_its_next_round(life):
    retired(life.report("parks").department("parks", "resolved", 2), 20)
    assert (life.assignment("parks").state, life.assignment("parks", 2).state) == ("resolved", "waiting")


def test_two_retired_departments_with_one_heir_leave_it_one_assignment(life):
    both = ("roads: {name: Wegen,", "roads: {name: Wegen, until: 2026-03-01, successor: parks,")
    retired(life.report("roads"), 20, both)
    heirs = [item for item in life.state.assignments.values() if item.state == "waiting"]
    assert [item.department for item in heirs] == ["parks"]
    assert [follow.raw["data"]["to"] for follow in life.told("handed-over")] == ["parks", "parks"]


def test_a_chain_of_retired_departments_ends_with_the_first_that_is_not(life):
    chain = ("parks: {name: Groen,", "parks: {name: Groen, until: 2026-03-01, successor: water,")
    assert retired(life.report(), 20, chain).assignment("water").state == "waiting"


def test_it_counts_towards_no_limit_and_passes_over_one_that_is_reached(life):
    life.report()
    path = ["permits", "roads", "housing", "water", "youth", "permits"]
    for hour, (giver, to) in enumerate(itertools.pairwise(path), 1):
        life.department(giver, "handed-over", hour / 10, to=to)
    assert life.signal.hand_overs == 5
    retired(life, 20)
    assert life.refusal is None
    assert (life.assignment("permits", 2).state, life.signal.hand_overs) == ("handed-over", 5)
    assert len(life.told("escalated")) == 2  # the third hand-over, and the rung of the department's ladder


def test_it_is_never_earlier_than_the_last_moment_of_the_assignment(life):
    life.report().department("permits", "acknowledged", 30)
    retired(life, 20)
    assert life.assignment("parks").assigned_at == at(30)


def test_an_answer_from_the_retired_department_is_refused_and_says_who_answers_now(life):
    retired(life.report(), 20).department("permits", "resolved", 21)
    assert life.refusal == "already-handed-over"
    assert "parks" in life.told("refused")[0].raw["data"]["explanation"]
