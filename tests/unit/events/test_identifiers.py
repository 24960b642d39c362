"""Identifiers that anyone can compute: the values here were made with Node's SHA-1 by RFC 9562, not with Python's."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from events.identifiers import (
    NAMESPACE,
    Code,
    Identifier,
    MunicipalityCode,
    NeighbourhoodCode,
    Oin,
    SignalId,
    Source,
    assignment_id,
    loop_id,
    signal_id,
)

SIGNAL = SignalId(uuid.UUID("6da9aa22-2e07-5062-a40a-f415d42f098c"))


def accepts(form: object, value: object) -> bool:
    try:
        TypeAdapter(form).validate_python(value)
    except ValidationError:
        return False
    return True


def test_the_namespace_is_that_of_the_dns_name() -> None:
    assert str(NAMESPACE) == "62ac9808-08f9-50b4-ab89-6b75d373dfc8"


def test_a_signals_id_is_computed_from_source_line_feed_id() -> None:
    assert signal_id("urn:nld:kvknr:09220932:systeem:wijkapp", "2026-0417") == SIGNAL


@pytest.mark.parametrize(
    ("round_", "expected"),
    [(1, "56843bf8-5994-5fac-a6bf-2e35f1090e2a"), (2, "ba6e2269-595f-59cb-bbb6-5d2b533876d6")],
)
def test_an_assignments_id_is_computed_from_signal_department_and_round(round_: int, expected: str) -> None:
    assert str(assignment_id(SIGNAL, "permits", round_)) == expected


@given(st.lists(st.text(), min_size=1))
def test_one_decision_of_the_loop_always_has_one_id(parts: list[str]) -> None:
    assert loop_id(*parts) == loop_id(*parts)
    assert loop_id(*parts) != loop_id(*parts, "other")


@pytest.mark.parametrize("code", ["GM0363", "WK036301", "WK0363AD", "BU03630501", "BU0363AD03", "BU0363ZZZZ"])
def test_cbs_codes_with_digits_and_with_letters_are_known(code: str) -> None:
    assert accepts(NeighbourhoodCode, code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "BU0363",
        "BU0363AD0",
        "BU0363AD031",
        "BU0363ad03",
        "bu0363AD03",
        "WK0363A",
        "GM363",
        "GM0363 ",
        "GM0363\n",
        "GM\u0660\u0663\u0666\u0663",
        "PV20",
        363,
    ],
)
def test_what_is_no_cbs_code_is_refused(code: object) -> None:
    assert not accepts(NeighbourhoodCode, code)


def test_a_district_is_no_municipality() -> None:
    assert accepts(MunicipalityCode, "GM9999")
    assert not accepts(MunicipalityCode, "WK999901")


@pytest.mark.parametrize("oin", ["00000099000000001000", "00000001823288444000", "00000004003214345001"])
def test_an_oin_of_a_test_a_body_and_a_part_of_one_is_known(oin: str) -> None:
    assert accepts(Oin, oin)


@pytest.mark.parametrize(
    "oin", ["0000009900000000100", "000000990000000010000", "10000099000000001000", "0000009900000000100A"]
)
def test_what_is_no_oin_is_refused(oin: str) -> None:
    assert not accepts(Oin, oin)


@pytest.mark.parametrize("code", ["permits", "municipal-secretary", "team-1", "a" * 60])
def test_a_code_fits_in_a_topics_name(code: str) -> None:
    assert accepts(Code, code)


@pytest.mark.parametrize("code", ["", "Permits", "a--b", "-a", "a-", "a_b", "a.b", "a b", "é", "a" * 61, None])
def test_what_is_no_code_is_refused(code: object) -> None:
    assert not accepts(Code, code)


@pytest.mark.parametrize(
    "source", ["urn:nld:oin:00000001823288444000:systeem:wijkteam-app", "/team/noord", "https://a.example/x"]
)
def test_a_source_is_any_uri_reference(source: str) -> None:
    assert accepts(Source, source)


@pytest.mark.parametrize("source", ["", "the loop", "urn:x\n", "urn:é", "u" * 301])
def test_what_is_no_uri_reference_is_no_source(source: str) -> None:
    assert not accepts(Source, source)


def test_a_uuid_has_one_form() -> None:
    text = str(SIGNAL)
    assert accepts(Identifier, text)
    assert accepts(Identifier, text.upper())
    for other in (text.replace("-", ""), f"{{{text}}}", f"urn:uuid:{text}", f"{text}\n", "1", 1, None):
        assert not accepts(Identifier, other)
