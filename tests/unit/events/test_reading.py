"""From a dictionary to a checked event: every fault at once, and no error but `Unreadable`."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import CATALOGUE
from events.envelope import read_json
from events.faults import FAULTS_SAID_MAX, Fault, Unreadable
from events.moments import zulu
from events.reading import parse, read_input
from events.signals import KINDS

RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)


def signal(kind: str = "initiative-blocked", **data: Any) -> dict[str, Any]:
    """A signal that is right, and what the test puts in its place."""
    common = {"team": "noord", "neighbourhood": "BU0363AD03", "title": "Tuin dicht"}
    own: dict[str, Any] = {
        "initiative-blocked": {"initiative": "Buurttuin", "blockedBy": "permit"},
        "grievance-reported": {"happenedOn": "1998", "grievance": "Nooit gebouwd"},
        "intervention-announced": {"department": "parks", "intervention": "Kap", "starts": "2027-03-01"},
    }[kind]
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:x",
        "type": f"nl.koikarper.signals.{kind}.v1",
        "data": {**common, **own, **data},
    }


def faults(raw: dict[str, Any], *, strict: bool = True) -> list[Fault]:
    try:
        read_input(raw, RECEIVED, strict=strict)
    except Unreadable as error:
        return list(error.faults)
    return []


def test_every_fault_is_told_at_once_with_its_place() -> None:
    raw = {
        **signal(title=" ", team="A B", rule={"code": "", "x": 1}, departments=["ok", "Niet"], foo=1),
        "specversion": "2",
    }
    raw["UPPER"] = "x"
    del raw["id"]
    assert {fault.where for fault in faults(raw)} == {
        "specversion",
        "id",
        "UPPER",
        "data.title",
        "data.team",
        "data.rule.code",
        "data.rule.x",
        "data.departments[1]",
        "data.foo",
    }


def test_a_fault_says_what_must_be_done_and_names_nothing_of_the_code() -> None:
    said = {fault.where: fault.what for fault in faults(signal(team=None, rule="APV", neighbourhood="Noord"))}
    assert said["data.rule"] == "must be a JSON object"
    assert said["data.team"] == "must be a valid string"
    assert said["data.neighbourhood"].startswith("must be a CBS code")
    assert not any(word in str(said) for word in ("Input", "instance", "pattern", "dict"))


def test_an_error_says_the_first_faults_and_holds_them_all() -> None:
    with pytest.raises(Unreadable) as error:
        parse(signal(**{f"unknown{n}": n for n in range(100)}), strict=True)
    assert len(error.value.faults) == 100
    assert str(error.value).endswith(f"and {100 - FAULTS_SAID_MAX} more")


def test_unknown_fields_are_refused_at_the_edge_and_kept_elsewhere() -> None:
    raw = signal(later=1)
    assert [fault.where for fault in faults(raw)] == ["data.later"]
    assert read_input(raw, RECEIVED, strict=False).raw["data"]["later"] == 1


def test_a_field_is_known_by_its_name_on_the_wire_only() -> None:
    raw = signal()
    raw["data"]["blocked_by"] = raw["data"].pop("blockedBy")
    assert [fault.where for fault in faults(raw)] == ["data.blockedBy", "data.blocked_by"]


@pytest.mark.parametrize("blocked_by", ["permit", "funding", "contract", "property", "capacity", "other"])
def test_only_what_is_blocked_by_a_rule_must_name_it(blocked_by: str) -> None:
    assert faults(signal(blockedBy=blocked_by)) == []


def test_what_is_blocked_by_a_rule_names_the_rule() -> None:
    assert faults(signal(blockedBy="rule", rule={"code": "APV 2:10"})) == []
    for rule in ({}, {"rule": None}):
        assert faults(signal(blockedBy="rule", **rule)) == [Fault("data.rule", "is required when blockedBy is rule")]


@pytest.mark.parametrize(
    "field", ["description", "since", "caseReference", "advocate", "connector", "departments", "rule"]
)
def test_null_is_the_same_as_an_optional_field_that_is_absent(field: str) -> None:
    assert faults(signal(**{field: None})) == []


@pytest.mark.parametrize("heard", ["true", 1, 0, "yes"])
def test_json_types_are_not_coerced(heard: object) -> None:
    assert [fault.where for fault in faults(signal("intervention-announced", heard=heard))] == ["data.heard"]


@pytest.mark.parametrize("data", [None, "text", [], 5])
def test_data_is_an_object(data: object) -> None:
    assert faults({**signal(), "data": data}) == [Fault("data", "must be a JSON object")]


def test_an_unknown_type_says_what_was_meant() -> None:
    (fault,) = faults({**signal(), "type": "nl.koikarper.signals.initiative-bloked.v1"})
    assert fault.where == "type"
    assert "did you mean 'nl.koikarper.signals.initiative-blocked.v1'" in fault.what


def test_what_only_the_loop_says_is_no_input() -> None:
    with pytest.raises(Unreadable) as error:
        read_input({**signal(), "type": "nl.koikarper.signals.closed.v1"}, RECEIVED, strict=False)
    assert error.value.reason == "unknown-type"


@pytest.mark.parametrize(
    ("name", "value"), [("traceparent", "00-1"), ("sequence", "07"), ("urgent", True), ("n", -(2**31)), ("none", None)]
)
def test_extensions_of_every_kind_are_kept(name: str, value: object) -> None:
    raw = {**signal(), name: value}
    assert read_input(raw, RECEIVED, strict=True).raw == raw


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a" * 21, "x"),
        ("trace-parent", "x"),
        ("data_base64", "eA=="),
        ("é", "x"),
        ("n", 2**31),
        ("n", 1.5),
        ("n", {}),
        ("n", []),
    ],
)
def test_what_is_no_extension_is_refused(name: str, value: object) -> None:
    assert [fault.where for fault in faults({**signal(), name: value})] == [name]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("specversion", "0.3"),
        ("id", ""),
        ("id", "a\nb"),
        ("source", "the team"),
        ("subject", ""),
        ("time", "2026-11-24T09:30:00"),
        ("datacontenttype", "text/xml"),
        ("dataschema", "a b"),
        ("id", 5),
    ],
)
def test_an_attribute_that_breaks_the_profile_is_refused(attribute: str, value: object) -> None:
    assert [fault.where for fault in faults({**signal(), attribute: value})] == [attribute]


@pytest.mark.parametrize(
    "media", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.koikarper+json"]
)
def test_every_json_media_type_is_read(media: str) -> None:
    assert faults({**signal(), "datacontenttype": media}) == []


@pytest.mark.parametrize(("seconds", "refused"), [(0, False), (60, False), (61, True)])
def test_time_and_since_have_a_minutes_grace(seconds: int, refused: bool) -> None:
    moment = zulu(RECEIVED + timedelta(seconds=seconds))
    assert [fault.where for fault in faults({**signal(), "time": moment})] == ["time"] * refused
    assert [fault.where for fault in faults(signal(since=moment))] == ["data.since"] * refused


def test_what_happened_cannot_lie_in_the_future_and_an_intervention_may() -> None:
    assert [fault.where for fault in faults(signal("grievance-reported", happenedOn="2027"))] == ["data.happenedOn"]
    assert faults(signal("grievance-reported", happenedOn="2026")) == []
    assert faults(signal("intervention-announced", starts="2031-01-01")) == []


@pytest.mark.parametrize(("seconds", "refused"), [(-86_400, False), (60, False), (61, True)])
def test_a_contact_that_has_yet_to_be_is_none(seconds: int, refused: bool) -> None:
    contact = {"signal": str(uuid.UUID(int=1)), "by": "coach", "with": "resident", "form": "visit"}
    contact["on"] = zulu(RECEIVED + timedelta(seconds=seconds))
    raw = {**signal(), "type": "nl.koikarper.signals.contact-recorded.v1", "data": contact}
    assert [fault.where for fault in faults(raw)] == ["data.on"] * refused


def test_personal_data_is_refused_wherever_it_stands() -> None:
    with pytest.raises(Unreadable) as error:
        read_input(signal(title="Bel 06-12345678", later={"x": "111222333"}), RECEIVED, strict=False)
    assert error.value.reason == "personal-data"
    assert [fault.where for fault in error.value.faults] == ["data.title", "data.later.x"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(
    [
        "team",
        "title",
        "since",
        "rule",
        "rules",
        "happenedOn",
        "stake",
        "burden",
        "contact",
        "until",
        "assignments",
        "with",
    ]
)


@given(
    st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "subject", "time", "foo"]) | st.text(max_size=5), anything
    ),
    st.sampled_from(sorted(CATALOGUE)) | anything,
    st.dictionaries(fields, anything) | anything,
)
def test_no_json_raises_anything_but_unreadable(attributes: dict[str, Any], type_: Any, data: Any) -> None:
    raw = {**attributes, "type": type_, "data": data}
    for strict in (True, False):
        for read in (lambda: parse(raw, strict=strict), lambda: read_input(raw, RECEIVED, strict=strict)):  # noqa: B023 - called at once
            try:
                read()
            except Unreadable as error:
                assert error.faults  # noqa: PT017 - what is raised is the point


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_unreadable_on_their_way_to_an_event(value: bytes) -> None:
    with pytest.raises(Unreadable):
        read_input({**signal(), "data": read_json(value)}, RECEIVED, strict=False)


def test_there_are_eight_kinds() -> None:
    assert len(KINDS) == 8
