"""A seal tells every change of what it covers."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.sealing import FIRST, SealedRow, seal

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ROWS = st.builds(
    SealedRow,
    topic=TEXTS,
    partition=st.integers(0, 99),
    offset=st.integers(0, 2**63 - 1),
    at=st.datetimes(timezones=st.just(UTC)),
    source=TEXTS,
    id=TEXTS,
    type=TEXTS,
    signal=st.none() | st.uuids(),
    sender=TEXTS,
    refused=st.none() | TEXTS,
    body=st.binary(max_size=20),
)


def sealed(rows, before=FIRST, topic="t", partition=0, agreements="v1"):
    return seal(before, topic, partition, agreements, rows)


@given(st.lists(ROWS, min_size=1, max_size=5), st.data())
def test_another_value_in_any_field_of_any_row_gives_another_seal(rows, data):
    number = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(SealedRow._fields))
    other = rows[number]._replace(**{field: getattr(data.draw(ROWS), field)})
    changed = [*rows[:number], other, *rows[number + 1 :]]
    assert (sealed(changed) == sealed(rows)) == (changed == rows)


@given(st.lists(ROWS, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_another_order_or_number_of_rows_gives_another_seal(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert (sealed(shuffled) == sealed(rows)) == (shuffled == rows)
    assert sealed(rows[:-1]) != sealed(rows)


@given(st.lists(ROWS, max_size=3), st.binary(min_size=32, max_size=32))
def test_a_seal_holds_the_one_before_it_its_place_and_the_agreements(rows, before):
    assert (sealed(rows, before=before) == sealed(rows)) == (before == FIRST)
    assert len({sealed(rows), sealed(rows, partition=1), sealed(rows, topic="u"), sealed(rows, agreements="v2")}) == 4


def test_the_zone_in_which_a_moment_is_written_makes_no_difference():
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    row = SealedRow("t", 0, 1, moment, "s", "i", "y", None, "team:noord", None, b"")
    elsewhere = row._replace(at=moment.astimezone(timezone(timedelta(hours=2))))
    assert sealed([row]) == sealed([elsewhere])


def test_the_form_is_a_promise_to_the_seals_that_are_stored():
    row = SealedRow(
        "neighbourhood.rules-conflict",
        3,
        7,
        datetime(2026, 3, 2, 9, tzinfo=UTC),
        "urn:noord",
        "é1",
        "nl.koikarper.signals.rules-conflict.v1",
        UUID(int=5),
        "team:noord",
        None,
        b"{}",
    )
    lines = (
        b'["neighbourhood.rules-conflict", 3, "v1", 1]\n'
        b'["neighbourhood.rules-conflict", 3, 7, "2026-03-02T09:00:00+00:00", "urn:noord", "\\u00e91", '
        b'"nl.koikarper.signals.rules-conflict.v1", "00000000-0000-0000-0000-000000000005", "team:noord", null, "'
    )
    expected = hashlib.sha256(FIRST + lines + hashlib.sha256(b"{}").hexdigest().encode() + b'"]\n').digest()
    assert seal(FIRST, "neighbourhood.rules-conflict", 3, "v1", [row]) == expected
