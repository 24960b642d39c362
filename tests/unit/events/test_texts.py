"""Personal data is found where it stands, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from events.texts import Description, Role, Short, is_bsn, personal_data


def found(text: str, field: str = "title") -> list[str]:
    return [fault.where for fault in personal_data({field: text})]


def eleven_test(number: int) -> bool:
    """The test as the government describes it, written apart from our code."""
    digits = [int(digit) for digit in f"{number:09}"]
    total = sum((9 - place) * digit for place, digit in enumerate(digits[:8])) - digits[8]
    return total % 11 == 0 and number > 0


@given(st.integers(min_value=0, max_value=999_999_999))
def test_nine_digits_are_a_bsn_when_they_pass_the_eleven_test(number: int) -> None:
    assert is_bsn(f"{number:09}") == eleven_test(number)
    assert bool(found(f"Dossier {number:09} ligt klaar")) == eleven_test(number)


@pytest.mark.parametrize("bsn", ["111222333", "123456782", "010464554"])
def test_known_test_numbers_pass_it(bsn: str) -> None:
    assert is_bsn(bsn)
    for text in (bsn, f"bsn: {bsn}.", f"({bsn})", f"BSN {bsn}, zie dossier", f"regel\n{bsn}\nregel"):
        assert found(text) == ["data.title"], text


@pytest.mark.parametrize("text", ["111222334", "1112223330", "a111222333", "11122233", "€ 111222333,50", "1.111222333"])
def test_digits_that_are_no_separate_word_of_nine_are_no_bsn(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    ["jan@voorbeeld.nl", "mail j.de-vries+x@team.gemeente.example.", "<A_B@C-D.EU>", "Zie:naam@x.org,nu"],
)
def test_an_email_address_is_found(text: str) -> None:
    assert found(text) == ["data.title"]


@pytest.mark.parametrize("text", ["@wethouder zegt", "3 @ 5 euro", "a@b", "kom om 12:00 @ het plein. Graag."])
def test_an_at_sign_is_no_email_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "06-12345678",
        "06 12 34 56 78",
        "06 1234 5678",
        "0612345678",
        "06.12.34.56.78",
        "06-12 34 56 78",
        "bel 0612345678.",
        "+31612345678",
        "+31 6 12345678",
        "+31 (0)20 123 45 67",
        "0031 6 1234 5678",
        "020-1234567",
        "020 123 45 67",
        "(020) 123 45 67",
        "020 - 123 45 67",
        "088-1234567",
        "0343-123456",
        "0343 12 34 56",
        "+32 470 12 34 56",
        "op 24-11-2026 gebeld met 06-12345678",
    ],
)
def test_a_phone_number_is_found_however_it_is_written(text: str) -> None:
    assert found(text) == ["data.title"]


@pytest.mark.parametrize(
    "text",
    [
        "01-02-2026 12:30",
        "01.02.2026-03.02.2026",
        "van 01-02-2026 tot 03-04-2026",
        "09-12-2025 10.00 uur",
        "2026-11-24T09:30:00Z",
        "open 09.00-12.30, 13 kinderen",
        "06.15 - 12.30 en 13.00",
        "€ 1.234.567,89",
        "+10.000.000 euro",
        "APV 2:10",
        "Z/26/104417",
        "BU0363AD03",
        "BAG 0363010000659001",
        "kvk 09220932",
        "urn:nld:oin:00000099000000001000:systeem:wijkapp",
        "3f0c9a52-6f0e-5f3e-9d0a-012345678901",
        "0900-1234",
        "14 020",
        "112",
    ],
)
def test_dates_hours_amounts_codes_and_references_are_no_personal_data(text: str) -> None:
    assert found(text) == []


def test_references_and_rule_codes_are_exempt() -> None:
    rule = {"code": "111222333", "title": "Terrassen"}
    data = {"caseReference": "111222333", "rule": rule, "rules": [rule], "customSolution": {"rule": rule}}
    assert list(personal_data(data)) == []


def test_nothing_else_is_exempt_by_having_the_same_name() -> None:
    data = {"code": "111222333", "stake": {"caseReference": "111222333", "code": "111222333"}}
    assert [fault.where for fault in personal_data(data)] == [
        "data.code",
        "data.stake.caseReference",
        "data.stake.code",
    ]


def test_an_official_can_be_reached_but_has_no_bsn() -> None:
    for reach in ("06-12345678", "permits@gemeente.example"):
        assert list(personal_data({"contact": {"role": "coordinator", "reach": reach}})) == []
    (fault,) = personal_data({"contact": {"reach": "111222333"}})
    assert fault.where == "data.contact.reach"


def test_unknown_fields_and_lists_are_searched_too() -> None:
    data = {"later": [{"note": ["niets", "bel 06-12345678"]}]}
    assert [fault.where for fault in personal_data(data)] == ["data.later[0].note[1]"]


@given(st.text("0123456789+@.,-()\u2013 a", max_size=40))
def test_a_quick_look_overlooks_nothing(text: str) -> None:
    among_suspects = {"title": text, "description": "@ 111222334 \u2013 0000000000"}  # of which none is personal
    assert list(personal_data({"title": text})) == list(personal_data(among_suspects))


@pytest.mark.parametrize("text", ["0" * 60_000, "01 " * 20_000, "a" * 60_000 + "@", "a@" * 30_000, "+1" * 30_000])
@pytest.mark.timeout(10)
def test_no_text_makes_the_search_slow(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", ["Zoet", "regel één\nregel twee\r\n\tingesprongen", "😀", "x" * 200])
def test_plain_text_is_accepted(text: str) -> None:
    assert TypeAdapter(Short).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "  \n", "a\x00b", "a\x1bb", "a\x7f", "a\x85b", "x" * 201, 5, None])
def test_what_is_blank_too_long_or_no_plain_text_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Short).validate_python(text)


@given(st.text(max_size=30))
def test_the_pattern_that_is_published_says_the_same_as_the_model(text: str) -> None:
    import re  # noqa: PLC0415 - only here

    pattern = TypeAdapter(Short).json_schema()["pattern"]
    try:
        TypeAdapter(Short).validate_python(text)
    except ValidationError:
        assert not re.search(pattern, text)
    else:
        assert re.search(pattern, text)


def test_lengths_are_those_of_the_contract() -> None:
    for form, length in ((Role, 100), (Short, 200), (Description, 4_000)):
        assert TypeAdapter(form).json_schema()["maxLength"] == length
