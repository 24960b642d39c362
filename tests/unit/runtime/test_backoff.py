"""Waits grow, have a bound, and are never all the same."""

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.backoff import Backoff


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_a_wait_is_between_half_and_the_whole_of_the_bound(chance: float, failures: int) -> None:
    backoff = Backoff(0.1, 10.0, random=lambda: chance, failures=failures)
    assert 0.05 <= backoff.next_seconds() <= 10.0


def test_waits_double_and_begin_again_after_a_reset() -> None:
    backoff = Backoff(0.1, 1.0, random=lambda: 1.0)
    assert [round(backoff.next_seconds(), 3) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.next_seconds() == 0.1
