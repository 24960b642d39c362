"""What an event is known by for ever."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.identities import key_of

PAIRS = st.tuples(st.text(max_size=5), st.text(max_size=5))


def test_the_key_of_an_event_is_what_it_was_for_the_first_one_that_was_recorded():
    assert key_of("urn:noord", "1") == UUID("3813f279d1b5e0ba4c24981bd8291b8e")


@given(PAIRS, PAIRS)
def test_events_have_one_key_only_when_both_texts_are_the_same(one, other):
    assert (key_of(*one) == key_of(*other)) == (one == other)


@given(st.text(max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_where_the_source_ends_makes_another_event(both, end, other):
    one, two = ((both[:place], both[place:]) for place in (end, other))
    assert (key_of(*one) == key_of(*two)) == (one == two)
