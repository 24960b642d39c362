"""Rungs at every stage, silence and deadlines: whatever is answered, each comes once, whoever looks and when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book
from services.ledger.passing import next_moment

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LADDER = """ladders:
  standard:
    - {stage: confirm, at: 50%, remind: team}
    - {stage: confirm, at: due, remind: team}
    - {stage: confirm, at: due, escalate: control}
    - {stage: confirm, at: due + 24 hours, remind: department}
    - {stage: resolve, at: 50%, remind: department}
    - {stage: resolve, at: due + 5 hours, escalate: youth}
    - {stage: acknowledge, at: due - 1 hours, remind: department}
"""
VERBS = ["acknowledged", "handed-over", "extended", "resolved", "resolved", "confirmed", "contested", "withdrawn"]
CODES = ["permits", "parks"]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(VERBS),
        st.sampled_from(CODES),
        st.sampled_from(CODES),
        st.sampled_from([1, 2]),
        st.sampled_from([0.0, 0.0, 1.0, 7.0, 12.0, 24.0, 30.0]),
    ),
    max_size=20,
)
ANY_LIFE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)


def at(hours):
    return START + timedelta(hours=hours)


@pytest.fixture
def book(life):
    text = life.book.current.text
    start, end = text.index("ladders:\n"), text.index("departments:\n")
    text = (text[:start] + LADDER + text[end:]).replace(
        "parks: {name: Groen, calendar: office, promise: standard",
        "parks: {name: Groen, calendar: office, promise: standard, ladder: standard",
    )
    return Book.only(parse_agreements(text))


def live(life, happenings, look=lambda _: None):
    hour = 0.0
    life.report("parks")
    for verb, code, to, round_, pause in happenings:
        hour += pause
        look(hour)
        if verb in {"confirmed", "contested", "withdrawn"}:
            life.team(verb, hour)
        else:
            extra = {"handed-over": {"to": to}, "extended": {"until": at(hour + 40).isoformat()}}.get(verb, {})
            life.department(code, verb, hour, round_=round_, **extra)
    life.passes(hour + 100)
    return hour + 100


def told_by(life):
    """What the loop told of itself: refusals have the random id of the answer in theirs."""
    refused = life.told("refused")
    return {f.raw["id"]: f for f in life.follows if f.raw["source"] != "urn:test" and f not in refused}


@ANY_LIFE
@given(HAPPENINGS, st.data())
def test_nothing_depends_on_when_the_timekeeper_looks(life, book, happenings, data):
    alone, woken = type(life)(book), type(life)(book)
    live(alone, happenings)
    live(woken, happenings, lambda hour: woken.passes(hour) if data.draw(st.booleans()) else None)
    assert alone.state == woken.state
    assert told_by(alone) == told_by(woken)


@ANY_LIFE
@given(HAPPENINGS)
def test_each_is_told_once_and_nothing_that_has_passed_is_still_to_come(life, book, happenings):
    fresh = type(life)(book)
    until = live(fresh, happenings)
    ids = [follow.raw["id"] for follow in fresh.follows]
    assert len(ids) == len(set(ids))
    due = next_moment(fresh.state)
    assert due is None or due >= at(until)


@ANY_LIFE
@given(HAPPENINGS)
def test_rungs_of_the_teams_stage_come_only_while_it_is_asked(life, book, happenings):
    fresh = type(life)(book)
    live(fresh, happenings, lambda _: check(fresh))
    check(fresh)


def check(life):
    for assignment in life.state.assignments.values():
        stages = {moment.stage for moment in assignment.moments}
        assert "confirm" not in stages or (life.signal.state, assignment.state) == ("resolved", "resolved")
        silences = [moment for moment in assignment.moments if moment.act == "silence"]
        assert len(silences) <= (assignment.state == "acknowledged")
