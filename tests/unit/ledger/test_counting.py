"""Counters: each decision adds what it decides, once, and the sum is what the ledger holds in the end."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given

from services.ledger.counting import BUCKETS, Counts, bucket, counted, key
from services.ledger.succession import retire
from tests.unit.ledger.test_lifecycle_properties import ANY_TOWN, HAPPENINGS, live


@pytest.fixture
def counting(life):
    return counting_of(life)


def counting_of(life):
    """A life whose every decision is counted."""
    counts: Counts = Counter()

    class Counting(type(life)):
        def _take(self, decision):
            counts.update(counted(self.state, decision.state, decision.follows))
            return super()._take(decision)

    fresh = Counting(life.book)
    fresh.counts = counts
    return fresh


def told(life, name):
    return [follow.raw["data"] for follow in life.told(name)]


def test_a_signal_is_counted_once_however_often_it_is_reported(counting):
    counting.report().report()
    assert counting.counts == {key("signals", "initiative-blocked"): 1}


def test_an_answer_in_time_is_met_and_its_wait_counted_in_one_bucket(counting):
    counting.report().department("permits", "acknowledged", 1)
    assert counting.counts == {
        key("signals", "initiative-blocked"): 1,
        key("answers", "permits", "acknowledged"): 1,
        key("deadlines", "permits", "acknowledge", "met"): 1,
        key("wait_bucket", "permits", "acknowledge", 3600): 1,
        key("wait_microseconds", "permits", "acknowledge"): 3_600_000_000,
    }


def test_a_missed_promise_is_counted_when_it_passes_and_its_wait_when_the_answer_comes(counting):
    counting.report().passes(9)
    missed = key("deadlines", "permits", "acknowledge", "missed")
    assert counting.counts[missed] == 1
    assert not any(name == "wait_bucket" for name, _ in counting.counts)
    counting.department("permits", "acknowledged", 10)
    assert counting.counts[missed] == 1
    assert key("deadlines", "permits", "acknowledge", "met") not in counting.counts
    assert counting.counts[key("wait_bucket", "permits", "acknowledge", 86_400)] == 1


def test_a_refused_answer_and_a_repeat_are_no_answers(counting):
    counting.report().department("permits", "acknowledged", 1)
    before = counting.counts.copy()
    counting.department("permits", "acknowledged", 2).team("confirmed", 3).department("parks", "resolved", 4)
    assert counting.counts == before


def test_the_wait_of_resolve_is_that_of_the_resolution_that_stood(counting):
    counting.report().department("permits", "resolved", 2).team("contested", 3).department("permits", "resolved", 6)
    assert key("wait_microseconds", "permits", "resolve") not in counting.counts
    counting.team("confirmed", 7)
    assert counting.counts[key("wait_microseconds", "permits", "resolve")] == 6 * 3_600_000_000
    assert counting.counts[key("answers", "permits", "resolved")] == 2
    assert counting.counts[key("answers", "permits", "contested")] == 1
    assert counting.counts[key("answers", "permits", "confirmed")] == 1


def test_one_closed_without_a_word_and_contested_is_closed_twice_but_waited_once(counting):
    counting.report().passes(60).department("permits", "resolved", 61).passes(200)
    assert counting.counts[key("signals_closed", "initiative-blocked", "unconfirmed")] == 1
    counting.team("contested", 201).department("permits", "resolved", 210).team("confirmed", 211)
    assert counting.counts[key("signals_closed", "initiative-blocked", "confirmed")] == 1
    assert counting.counts[key("wait_microseconds", "permits", "resolve")] == 61 * 3_600_000_000
    assert counting.counts[key("deadlines", "permits", "resolve", "missed")] == 1


def test_what_was_decided_before_a_hand_over_is_not_counted_again(counting):
    counting.report().department(
        "permits", "extended", 1, until=(counting.signal.waiting_since + timedelta(hours=60)).isoformat()
    )
    counting.passes(49).department("permits", "handed-over", 50, to="parks")
    assert counting.counts[key("deadlines", "permits", "resolve", "missed")] == 1
    assert key("deadlines", "parks", "resolve", "missed") not in counting.counts
    assert key("answers", "parks", "extended") not in counting.counts
    assert counting.counts[key("answers", "permits", "handed-over")] == 1


def test_what_the_loop_hands_over_for_a_retired_department_is_no_answer(life, town):
    life.report()
    after = retire(life.state, life.signal.waiting_since + timedelta(hours=1), life.book)
    counts = counted(life.state, after.state, after.follows, said=False)
    assert counts == {}
    handed = life.state
    life.department("permits", "handed-over", 2, to="parks")
    assert not any(name == "answers" for name, _ in counted(handed, life.state, (), said=False))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "900"), (900, "900"), (900.000001, "3600"), (70 * 86_400, BUCKETS[-2]), (1e9, "+Inf")]
)
def test_a_wait_of_exactly_a_bound_is_within_it(seconds, expected):
    assert bucket(timedelta(seconds=seconds)) == expected


@ANY_TOWN
@given(HAPPENINGS)
def test_the_counters_of_any_life_equal_a_recount_of_what_it_came_to(life, happenings):
    counting = counting_of(life)
    state = live(counting, happenings)[-1]
    expected: Counts = Counter({key("signals", state.signal.kind): 1})
    for data in told(counting, "signals.closed"):
        expected[key("signals_closed", state.signal.kind, data["how"])] += 1
    for data in told(counting, "assignments.escalated"):
        expected[key("escalations", data["department"], data["rung"])] += 1
    for verb in ("acknowledged", "handed-over", "extended", "resolved"):
        for data in told(counting, f"assignments.{verb}"):
            department = next(item for item in state.assignments.values() if str(item.id) == data["assignment"])
            expected[key("answers", department.department, verb)] += 1
    for item in state.assignments.values():
        expected.update(recounted(item))
        expected[key("answers", item.department, "contested")] += item.contested
        if state.signal.how == "confirmed" and item.state == "closed":
            expected[key("answers", item.department, "confirmed")] += 1
    assert counting.counts == expected
    assert min(counting.counts.values()) >= 0


def recounted(item):
    """The verdicts and waits of an assignment, as it is in the end."""
    counts: Counts = Counter()
    verdicts = {"acknowledge": item.acknowledge, "confirm": item.confirm}
    verdicts |= {} if item.resolve_inherited else {"resolve": item.resolve}
    counts.update(key("deadlines", item.department, stage, verdict) for stage, verdict in verdicts.items() if verdict)
    waits = {
        "acknowledge": item.acknowledged_at and item.acknowledged_at - item.waiting_since,
        "resolve": item.stood_at and item.stood_at - item.waiting_since,
        "confirm": item.answered_at and item.answered_at - item.asked_at,
    }
    for stage, wait in waits.items():
        if wait is not None:
            counts[key("wait_bucket", item.department, stage, bucket(wait))] += 1
            counts[key("wait_microseconds", item.department, stage)] += wait // timedelta(microseconds=1)
    return counts
