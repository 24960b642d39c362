"""Reading and writing messages: both modes, both protocols, and whatever bytes may come."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import (
    DEPTH_MAX,
    OUTCOME_SIZE_MAX,
    SIZE_MAX,
    STRUCTURED,
    STRUCTURED_HEADERS,
    digest,
    encode,
    read_json,
    read_list,
    read_message,
    structured,
)
from events.faults import Unreadable

TIME = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)

text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)
printable = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20).filter(
    lambda name: name not in {"data", "datacontenttype"}
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of any type, with any data and extensions."""
    raw = structured(
        id_=draw(printable),
        source="urn:x",
        type_="example.v1",
        time=TIME,
        data=draw(json_values),
        subject=draw(printable),
    )
    return {**draw(st.dictionaries(names, printable, max_size=3)), **raw}


def binary(raw: dict[str, Any], prefix: str) -> tuple[list[tuple[str, bytes]], bytes]:
    """The event as a binary message, by the bindings' own words."""
    attributes = {name: str(value) for name, value in raw.items() if name not in {"data", "datacontenttype"}}
    headers = [(f"{prefix}{name}", value.encode()) for name, value in attributes.items()]
    return [*headers, ("Content-Type", raw["datacontenttype"].encode())], json.dumps(raw["data"]).encode()


@given(events())
def test_what_is_written_in_structured_mode_is_read_as_it_was(raw: dict[str, Any]) -> None:
    assert read_message(STRUCTURED_HEADERS, encode(raw)) == raw


@given(events())
def test_binary_mode_over_kafka_reads_as_structured_mode_does(raw: dict[str, Any]) -> None:
    assert read_message(*binary(raw, "ce_")) == read_message(STRUCTURED_HEADERS, encode(raw))


@given(events())
def test_binary_mode_over_http_is_percent_decoded(raw: dict[str, Any]) -> None:
    headers, value = binary(raw, "ce-")
    escaped = [
        (
            name,
            b"".join(b"%%%02X" % byte if byte in b'%"' or not 0x20 < byte < 0x7F else bytes([byte]) for byte in said),
        )
        for name, said in headers
    ]
    assert read_message(escaped, value) == raw


def test_a_quoted_header_over_http_is_unquoted() -> None:
    raw = read_message([("ce-subject", rb'"Euro \"\\\" %E2%82%AC"')], b"{}")
    assert raw["subject"] == 'Euro "\\" €'


def test_a_percent_sign_over_kafka_is_itself() -> None:
    assert read_message([("ce_subject", b"50%25")], b"{}")["subject"] == "50%25"


def test_header_names_are_matched_in_any_case_and_null_headers_are_not_set() -> None:
    headers: list[tuple[str, bytes | None]] = [
        ("CE_ID", b"1"),
        ("Ce_Type", b"t"),
        ("ce_subject", None),
        ("other", b"\xff"),
    ]
    assert read_message(headers, b"{}") == {"id": "1", "type": "t", "datacontenttype": "application/json", "data": {}}


def test_the_content_type_decides_and_not_the_headers_beside_it() -> None:
    raw = {"id": "1", "data": {}}
    headers = [("ce_id", b"2"), ("content-type", b"Application/CloudEvents+JSON; charset=UTF-8")]
    assert read_message(headers, encode(raw)) == raw


def test_a_whole_event_of_a_client_that_sets_no_header_is_understood() -> None:
    assert read_message([], b'{"id": "1"}') == {"id": "1"}
    assert read_message([("content-type", b"application/json")], b'{"id": "1"}') == {"id": "1"}


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ([], None, "no-value"),
        ([], b"", "not-json"),
        ([], b"\xff{}", "not-utf-8"),
        ([("ce_subject", b"\xff")], b"{}", "not-utf-8"),
        ([("ce-subject", b"%FF")], b"{}", "not-utf-8"),
        ([], b"[]", "not-json"),
        ([], b"null", "not-json"),
        ([("content-type", b"application/cloudevents-batch+json")], b"[{}]", "not-json"),
        ([], b'{"data": NaN}', "not-json"),
        ([], b'{"data": 1e999}', "not-json"),
        ([], rb'{"data": "\ud800"}', "not-utf-8"),
        ([], rb'{"data": "\u0000"}', "not-json"),
        ([], rb'{"\u0000": 1}', "not-json"),
        ([], b"[" * 50_000, "not-json"),
        ([], b'{"data": ' + b"9" * 5_000 + b"}", "not-json"),
        ([], b" " * (SIZE_MAX + 1), "too-large"),
    ],
)
def test_a_message_that_cannot_be_read_says_why(
    headers: list[tuple[str, bytes]], value: bytes | None, reason: str
) -> None:
    with pytest.raises(Unreadable) as error:
        read_message(headers, value)
    assert error.value.reason == reason
    assert str(error.value)


json_like = st.lists(
    st.sampled_from(
        [*'{}[]":,0123456789-+.eE \n\t/', "a", "é", '"a":', "true", "null", "NaN", "Infinity", "1e9", "0.1"]
    )
    | st.sampled_from([r"\n", r"\"", r"\ud83d", r"\u0000", "1e400", "9" * 310, "[" * 70, "]" * 70]),
    max_size=9,
).map("".join)


@given(json_like | json_values.map(json.dumps) | st.floats().map(repr))
def test_it_reads_what_the_standard_library_reads_and_nothing_else(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=int)
    except ValueError:
        expected = Unreadable
    try:
        read = read_json(text.encode())
    except Unreadable:
        read = Unreadable
    assert read is Unreadable or repr(read) == repr(expected)
    assert read is not Unreadable or expected is Unreadable or is_more_than_a_reader_takes(expected, text)


def is_more_than_a_reader_takes(value: Any, text: str) -> bool:
    """JSON to the letter that is refused all the same: too deep, out of range, or text that PostgreSQL cannot hold."""
    return any(sign in repr(value) for sign in ("inf", r"\x00", r"\ud")) or text.count("[") > DEPTH_MAX


def test_a_backslash_before_u0000_is_text_and_no_nul() -> None:
    assert read_json(rb'"C:\\u0000"') == r"C:\u0000"
    with pytest.raises(Unreadable):
        read_json(rb'"C:\\\u0000"')


def test_only_half_of_a_surrogate_pair_is_refused() -> None:
    assert read_json(rb'"\ud83d\ude00"') == "\U0001f600"
    assert read_json(rb'"C:\\ud800"') == r"C:\ud800"
    for half in (rb'{"a": "\uDFFF"}', rb'{"\udbff": 1}', rb'["\ude00\ud83d"]'):
        with pytest.raises(Unreadable) as error:
            read_json(half)
        assert error.value.reason == "not-utf-8"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '[{"a": 1.5}, {"b": ["\\u00e9", "Infinity NaN"]}, 7, null]',
        '[{"a": "Infinity"}, {"n": 12345678901234567890}]',
        '{"a": "NaN"}',
    ],
)
def test_a_list_is_read_as_any_json_and_each_member_written_as_alone(text: str) -> None:
    body, written = read_list(text.encode())
    assert body == read_json(text.encode())
    if isinstance(body, list):
        assert written == [encode(one) for one in body]


@pytest.mark.parametrize("text", ['[{"a": 1e999}]', "[NaN]", '[{"a": "\\u00e9", "b": 1e999}]', "[1", '["\\ud800"]'])
def test_a_list_that_is_no_json_is_refused_as_any(text: str) -> None:
    with pytest.raises(Unreadable) as expected:
        read_json(text.encode())
    with pytest.raises(Unreadable) as error:
        read_list(text.encode())
    assert error.value.faults == expected.value.faults


def test_many_things_beside_each_other_are_no_depth():
    many = [{"a": [number]} for number in range(DEPTH_MAX * 2)]
    assert read_json(json.dumps(many).encode()) == many


def test_one_too_deep_thing_among_many_is_found():
    deep = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    many = ",".join(["{}"] * DEPTH_MAX)
    assert read_json(f"[{many},{deep[1:-1]}]".encode())
    with pytest.raises(Unreadable, match="deeper"):
        read_json(f"[{many},{deep}]".encode())


@pytest.mark.parametrize(("depth", "readable"), [(DEPTH_MAX, True), (DEPTH_MAX + 1, False)])
def test_json_is_read_to_a_depth_that_every_later_reader_can_walk(depth: int, readable: bool) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        value = opening * depth + b"1" + closing * depth
        if readable:
            assert read_json(value)
        else:
            with pytest.raises(Unreadable):
                read_json(value)


def test_an_event_of_64_kib_is_read_and_an_assignment_that_holds_it_too() -> None:
    raw = {"data": ""}
    raw["data"] = "x" * (SIZE_MAX - len(encode(raw)))
    assert read_message([], encode(raw)) == raw
    report = encode({"data": {"report": raw["data"], "because": "y" * 200}})
    with pytest.raises(Unreadable):
        read_message([], report)
    assert read_message([], report, size_max=OUTCOME_SIZE_MAX)


@given(
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce-id", "content-type", "x"]) | text, st.binary(max_size=12))),
    st.binary(),
)
def test_no_bytes_raise_anything_but_unreadable(headers: list[tuple[str, bytes]], value: bytes) -> None:
    try:
        assert isinstance(read_message(headers, value), dict)
    except Unreadable as error:
        assert error.faults  # noqa: PT017 - it may be readable as well


@given(events(), st.randoms())
def test_a_digest_ignores_extensions_and_the_order_of_keys(raw: dict[str, Any], random: Any) -> None:
    shuffled = list(raw.items())
    random.shuffle(shuffled)
    other = {**dict(shuffled), "traceparent": "00-1", "datacontenttype": "application/json; charset=UTF-8"}
    assert digest(other) == digest(raw)


@given(events())
def test_a_digest_is_the_same_in_binary_mode_and_where_null_stands_for_absent(raw: dict[str, Any]) -> None:
    assert digest(read_message(*binary(raw, "ce_"))) == digest(raw)
    del raw["subject"]
    assert digest({**raw, "subject": None}) == digest(raw)


@given(events(), st.sampled_from(["type", "subject", "time", "data"]), json_values)
def test_a_digest_changes_with_type_subject_time_and_data(raw: dict[str, Any], name: str, value: Any) -> None:
    changed = {**raw, name: value}
    same = json.dumps(changed[name], sort_keys=True) == json.dumps(raw[name], sort_keys=True)
    assert (digest(changed) == digest(raw)) == same


def test_what_is_written_is_json_that_others_can_read() -> None:
    raw = structured(id_="1", source="urn:x", type_="t", time=TIME, data={"a": "é"})
    assert encode(raw).decode() == (
        '{"specversion":"1.0","id":"1","source":"urn:x","type":"t","time":"2026-11-24T09:30:00.000Z",'
        '"datacontenttype":"application/json","data":{"a":"é"}}'
    )
    assert dict(STRUCTURED_HEADERS) == {"content-type": f"{STRUCTURED}; charset=UTF-8".encode()}
    with pytest.raises(ValueError, match="JSON compliant"):
        encode({"data": float("nan")})
