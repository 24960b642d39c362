"""An acknowledged assignment on which nothing more is done is reminded, once a silence (issue 4, item 9)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""Resolve takes 48 hours, so half of it is 24; `parks` has no ladder, so nothing else reminds."""


def at(hours):
    return START + timedelta(hours=hours)


def silences(life):
    """Hours at which the department was reminded of what it had acknowledged."""
    told = [follow for follow in life.told("reminded") if follow.raw["data"]["stage"] == "resolve"]
    assert {follow.topics for follow in told} <= {("department.parks.assignments",)}
    return [(datetime.fromisoformat(follow.raw["data"]["due"]) - START) / timedelta(hours=1) for follow in told]


@pytest.fixture
def parks(life):
    return life.report("parks", blockedBy="capacity")


def test_it_is_reminded_when_half_the_resolve_term_goes_by_after_the_acknowledgement(parks):
    parks.department("parks", "acknowledged", 3).passes(27)
    assert silences(parks) == []
    parks.passes(27.001)
    assert silences(parks) == [27.0]
    assert parks.told("reminded")[0].raw["data"]["to"] == "parks"


def test_it_is_reminded_once_also_when_time_goes_on_and_again(parks):
    parks.department("parks", "acknowledged", 3)
    for hour in (30, 60, 300):
        parks.passes(hour)
    assert silences(parks) == [27.0]


def test_what_was_never_acknowledged_has_reminders_of_its_own_and_no_silence(parks):
    parks.department("parks", "extended", 2, until=at(60).isoformat())
    assert "silence" not in {moment.act for moment in parks.assignment("parks").moments}
    assert silences(parks.passes(300)) == []


def test_an_extension_breaks_the_silence_and_begins_another(parks):
    parks.department("parks", "acknowledged", 3)
    parks.department("parks", "extended", 20, until=at(60).isoformat()).passes(50)
    assert silences(parks) == [44.0]


def test_contesting_begins_a_silence_and_nothing_is_silent_between_resolution_and_contest(parks):
    parks.department("parks", "acknowledged", 3).department("parks", "resolved", 10)
    parks.team("contested", 33).passes(200)
    assert silences(parks) == [57.0]


@pytest.mark.parametrize("verb", ["resolved", "handed-over"])
def test_what_is_done_with_is_not_silent(parks, verb):
    to = {"to": "roads"} if verb == "handed-over" else {}
    parks.department("parks", "acknowledged", 3).department("parks", verb, 10, **to).passes(33)
    assert silences(parks) == []


def test_a_repeated_acknowledgement_changes_nothing_and_so_breaks_no_silence(parks):
    parks.department("parks", "acknowledged", 3).department("parks", "acknowledged", 20).passes(30)
    assert silences(parks) == [27.0]


def test_the_same_silence_is_always_told_as_the_same_event(parks):
    other = type(parks)(parks.book).report("parks", blockedBy="capacity")
    ids = []
    for each, hours in ((parks, (28, 40)), (other, (200,))):
        each.department("parks", "acknowledged", 3)
        for hour in hours:
            each.passes(hour)
        ids.append([follow.raw["id"] for follow in each.told("reminded")])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 1


def test_half_a_term_is_counted_as_the_promise_counts(life):
    text = life.book.current.text.replace("resolve: 48 hours", "resolve: 4 working days")
    working = type(life)(Book.only(parse_agreements(text))).report("parks", blockedBy="capacity")
    working.department("parks", "acknowledged", 5).passes(1000)  # Monday 15:00 in town; the days have 8 hours each
    assert silences(working) == [5 + 48.0]  # Wednesday 15:00: 16 of the 32 working hours
    friday = type(life)(working.book).report("parks", blockedBy="capacity")
    friday.department("parks", "acknowledged", 4 * 24 + 5).passes(1000)
    assert silences(friday) == [8 * 24 + 5.0]  # Tuesday 15:00: no weekend is worked


def test_a_reminder_of_the_ladder_at_the_same_moment_is_another_event(life):
    text = life.book.current.text
    start, end = text.index("ladders:\n"), text.index("departments:\n")
    ladder = "ladders:\n  standard:\n    - {stage: resolve, at: 50%, remind: department}\n"
    own = type(life)(Book.only(parse_agreements(text[:start] + ladder + text[end:]))).report()
    reminded = own.department("permits", "acknowledged", 0).passes(25).told("reminded")
    assert [follow.raw["data"]["due"] for follow in reminded] == ["2026-03-03T09:00:00.000Z"] * 2
    assert len({follow.raw["id"] for follow in reminded}) == 2
