"""Cursors: what comes out is what went in, and nothing else is taken."""

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import cursors
from services.gateway.problems import Problem

MOMENTS = st.datetimes(timezones=st.just(UTC))
ID = "5c1a0f4e-3a51-4d0e-9d4c-5d2f0c8a7b11"


@given(MOMENTS, st.uuids())
def test_a_position_survives_to_the_microsecond(moment: datetime, id_: UUID):
    assert cursors.position("signals", cursors.encode("signals", moment, id_)) == (moment, id_)


@given(MOMENTS, st.integers(0, 2**63 - 1))
def test_a_place_in_a_timeline_survives(moment: datetime, seq: int):
    assert cursors.record_position(cursors.encode("timeline", moment, seq)) == (moment, seq)


def test_a_cursor_can_stand_in_an_address_as_it_is():
    text = cursors.encode("waits", "permits é initiative-blocked 1")
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


def test_no_cursor_is_the_beginning():
    assert cursors.position("signals", None) is None
    assert cursors.record_position(None) is None


def made(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "koi",
        "é",
        "AAAA",
        made(),
        made("assignments", "2026-01-01T00:00:00+00:00", ID),
        made("signals", "2026-01-01T00:00:00+00:00"),
        made("signals", "2026-01-01T00:00:00", ID),
        made("signals", 5, ID),
        made("signals", "2026-01-01T00:00:00+00:00", "koi"),
        made("signals", "2026-01-01T00:00:00+00:00", None),
        made("signals", {}, []),
        base64.b64encode(b"[" * 5000).decode(),
    ],
)
def test_anything_else_is_a_problem_400_that_names_it(cursor):
    with pytest.raises(Problem) as refused:
        cursors.position("signals", cursor)
    assert refused.value.status == 400
    assert [(error.in_, error.path) for error in refused.value.errors] == [("query", "after")]


@pytest.mark.parametrize("seq", [-1, 2**63, "x"])
def test_a_number_that_no_row_can_have_is_refused(seq):
    moment = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(Problem):
        cursors.record_position(cursors.encode("timeline", moment, seq))


@given(st.text())
def test_no_text_raises_anything_but_a_problem(text: str):
    with contextlib.suppress(Problem):
        cursors.position("signals", text)
