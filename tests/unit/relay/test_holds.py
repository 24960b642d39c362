"""Who waits after a failure, and for how long."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay import holds
from services.relay.holds import FORGOTTEN_SECONDS, Holds, split

A, B = UUID(int=1), UUID(int=2)


def certain() -> float:
    return 1.0


def test_a_lane_that_failed_waits_and_is_due_again_after_its_time() -> None:
    held = Holds(1.0, 60.0, certain)
    held.hold(A, 100.0)
    assert held.waiting(100.5) == [A]
    assert held.seconds_until_due(100.5) == 0.5
    assert held.waiting(101.0) == []
    assert held.seconds_until_due(101.0) is None


def test_each_failure_in_a_row_doubles_the_wait_up_to_the_limit() -> None:
    held = Holds(1.0, 4.0, certain)
    waits = []
    for _ in range(4):
        held.hold(A, 0.0)
        waits.append(held.seconds_until_due(0.0))
    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_a_success_lets_the_lane_go_and_its_next_failure_is_a_first_one() -> None:
    held = Holds(1.0, 60.0, certain)
    assert [held.hold(A, 0.0), held.hold(A, 0.0)] == [1, 2]
    held.release(A)
    assert len(held) == 0
    assert held.hold(A, 0.0) == 1


def test_a_lane_whose_rows_were_removed_is_forgotten() -> None:
    held = Holds(1.0, 60.0, certain)
    held.hold(A, 0.0)
    held.waiting(1.0 + FORGOTTEN_SECONDS)
    assert len(held) == 1
    held.waiting(1.5 + FORGOTTEN_SECONDS)
    assert len(held) == 0


def test_no_more_lanes_wait_than_the_limit_and_those_that_do_go_on_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "HOLDS_MAX", 1)
    held = Holds(1.0, 60.0, certain)
    held.hold(A, 0.0)
    assert held.full
    held.hold(B, 0.0)
    assert held.hold(A, 0.0) == 2
    assert held.waiting(0.0) == [A]


@given(st.lists(st.tuples(st.sampled_from([A, B, 1, 2]), st.booleans(), st.floats(0, 5))))
def test_whoever_has_not_failed_since_its_last_success_never_waits(steps: list[tuple[UUID | int, bool, float]]) -> None:
    held, failed, now = Holds(1.0, 60.0), set(), 0.0
    for lane, success, later in steps:
        now += later
        if success:
            held.release(lane)
            failed.discard(lane)
        else:
            held.hold(lane, now)
            failed.add(lane)
        assert set(held.waiting(now)) <= failed


def test_signals_and_lone_rows_are_told_apart() -> None:
    assert split([A, 7, B, 9]) == ([A, B], [7, 9])
