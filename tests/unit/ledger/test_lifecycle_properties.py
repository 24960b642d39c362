"""What holds whatever happens: any answers, by anyone, in any order, repeats among them."""

import itertools
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CODES = ["permits", "parks", "control"]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(
            ["acknowledged", "handed-over", "extended", "resolved", "confirmed", "contested", "withdrawn", "passes"]
        ),
        st.sampled_from(CODES),
        st.sampled_from(CODES),
        st.sampled_from([1, 2]),
        st.floats(0, 20),
    ),
    max_size=25,
)
ANY_TOWN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def live(life, happenings):
    hour = 0.0
    states = [life.report("parks").state]
    for verb, code, to, round_, pause in happenings:
        hour += pause
        if verb == "passes":
            life.passes(hour)
        elif verb in {"confirmed", "contested", "withdrawn"}:
            life.team(verb, hour)
        else:
            extra = {"handed-over": {"to": to}, "extended": {"until": moment(life, hour + 30)}}.get(verb, {})
            life.department(code, verb, hour, round_=round_, **extra)
        states.append(life.state)
    return states


def moment(life, hour):
    return (life.signal.waiting_since + timedelta(hours=hour)).isoformat()


@ANY_TOWN
@given(HAPPENINGS)
def test_no_wait_is_negative_and_each_promise_is_decided_once(life, happenings):
    fresh = type(life)(life.book)
    states = live(fresh, happenings)
    for earlier, later in itertools.pairwise(states):
        for id_, before in earlier.assignments.items():
            after = later.assignments[id_]
            for stage in ("acknowledge", "resolve", "confirm"):
                assert getattr(before, stage) in {None, getattr(after, stage)}
            assert after.last_at >= before.last_at
    for assignment in states[-1].assignments.values():
        for answered in (assignment.acknowledged_at, assignment.resolved_at, assignment.ended_at):
            assert answered is None or answered >= assignment.waiting_since


@ANY_TOWN
@given(HAPPENINGS)
def test_what_is_closed_stays_closed_unless_nobody_confirmed_it(life, happenings):
    states = live(type(life)(life.book), happenings)
    for earlier, later in itertools.pairwise(states):
        if earlier.signal.state == "closed" and earlier.signal.how != "unconfirmed":
            assert later.signal.state == "closed"
            assert later.assignments == earlier.assignments


@ANY_TOWN
@given(HAPPENINGS)
def test_every_event_that_the_loop_tells_has_an_id_of_its_own(life, happenings):
    fresh = type(life)(life.book)
    live(fresh, happenings)
    ids = [follow.raw["id"] for follow in fresh.follows]
    assert len(ids) == len(set(ids))


@ANY_TOWN
@given(HAPPENINGS)
def test_a_signal_is_resolved_exactly_when_all_that_stands_is(life, happenings):
    for state in live(type(life)(life.book), happenings):
        standing = [item.state for item in state.assignments.values() if item.state != "handed-over"]
        if state.signal.state == "resolved":
            assert set(standing) == {"resolved"}
        elif state.signal.state == "open":
            assert {"waiting", "acknowledged"} & set(standing)
        else:
            assert set(standing) == {"closed"}
