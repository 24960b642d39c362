"""Each row of the record as a CloudEvent, and back to the byte."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import encode
from services.ledger.transcript import Line, NotTheRecord, entry, own, read_line

AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "a", "source": "urn:noord", "type": "nl.koikarper.signals.x.v1"}
NAMES = st.sampled_from(["traceparent", "team", "koikarperseq", "koikarpersender", "x1"])
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def row(body: bytes, **more: Any) -> dict[str, Any]:
    known = {"seq": 2**40, "topic": "neighbourhood.x", "partition": 5, "offset": 2**50, "at": AT, "seal": 7}
    event = json.loads(body)
    own_ = {name: event[name] for name in ("source", "id", "type")}
    return known | own_ | {"signal": UUID(int=9), "sender": "team:noord", "refused": None, "body": body} | more


@given(st.dictionaries(NAMES, TEXT | st.booleans(), max_size=3), DATA)
def test_a_row_comes_back_to_the_byte_whatever_its_event_holds(extensions: dict[str, Any], data: Any) -> None:
    before = row(encode(EVENT | extensions | {"data": data}))
    assert read_line(entry(before)) == Line("entry", before)


def test_a_row_without_a_signal_that_was_refused_comes_back() -> None:
    before = row(encode(EVENT | {"data": {}}), signal=None, refused="unknown-signal")
    assert read_line(entry(before)) == Line("entry", before)


def test_bytes_that_no_event_of_ours_would_have_come_back_too() -> None:
    before = row(json.dumps(EVENT | {"data": {"é": 1}}, indent=1).encode())
    assert read_line(entry(before)) == Line("entry", before)


@pytest.mark.parametrize("extensions", [{}, {"koikarperseq": "mine"}])
def test_the_sdk_reads_each_line_as_an_event(extensions: dict[str, Any]) -> None:
    line = entry(row(encode(EVENT | extensions | {"data": {"title": "Koi"}})))
    event = JSONFormat().read(None, line)
    assert event.get_extension("koikarpersender") == "team:noord"
    if not extensions:
        assert (event.get_source(), event.get_id(), event.get_data()) == ("urn:noord", "a", {"title": "Koi"})
    assert JSONFormat().read(None, own("ended", 1, AT, {"lines": 1})).get_type() == "nl.koikarper.record.ended.v1"


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b"no json", b'{"type": 1}', encode(EVENT), b"\xff"])
def test_what_is_no_line_of_it_is_refused(line: bytes) -> None:
    with pytest.raises(NotTheRecord):
        read_line(line)
