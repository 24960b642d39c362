"""Every example that is published: the model and the JSON Schema agree on it, and say what is wrong where."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from events import asyncapi, schemas
from events.catalogue import CATALOGUE, INPUTS, OUTCOMES
from events.envelope import STRUCTURED_HEADERS, encode, read_message
from events.faults import Unreadable
from events.reading import Event, parse, read_input

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
VALID = sorted(EXAMPLES.glob("*/valid-*.json"))
INVALID = sorted(EXAMPLES.glob("*/invalid-*.json"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(raw: dict[str, Any], *, strict: bool) -> Event:
    """As the ledger reads what people write, and a department what the loop writes."""
    raw = read_message(STRUCTURED_HEADERS, encode(raw))
    if raw.get("type") in OUTCOMES:
        return parse(raw, strict=strict, table=OUTCOMES)
    return read_input(raw, RECEIVED, strict=strict)


def validator(schema: dict[str, Any]) -> Any:
    dialect = validator_for(schema, default=Draft202012Validator)
    return dialect(schema, format_checker=dialect.FORMAT_CHECKER)


@pytest.fixture(scope="module")
def published() -> Callable[[str], Any]:
    """A validator of each type's JSON Schema."""
    validators = {type_: validator(schema) for type_, schema in schemas.schemas().items()}
    return validators.__getitem__


@pytest.fixture(scope="module")
def payloads() -> Callable[[str], Any]:
    """A validator of each message's payload in AsyncAPI, whose dialect is that of draft 7."""
    components = asyncapi.document("0")["components"]
    shared = {"$schema": "http://json-schema.org/draft-07/schema#", "components": {"schemas": components["schemas"]}}
    validators = {
        type_: validator({**message["payload"], **shared}) for type_, message in components["messages"].items()
    }
    return validators.__getitem__


@pytest.mark.parametrize("type_", CATALOGUE)
def test_every_type_has_two_valid_and_three_invalid_examples(type_: str) -> None:
    files = [path.name for path in (EXAMPLES / type_).iterdir()]
    assert sum(file.startswith("valid-") for file in files) >= 2
    assert sum(file.startswith("invalid-") for file in files) >= 3
    assert all(file.startswith(("valid-", "invalid-")) for file in files)


def test_no_example_is_of_a_type_that_does_not_exist() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == set(CATALOGUE)


@pytest.mark.parametrize("path", VALID, ids=name)
def test_a_valid_example_is_read_strictly_and_its_schema_accepts_it(
    path: Path, published: Callable[[str], Any]
) -> None:
    raw = json.loads(path.read_text())
    event = read(raw, strict=True)
    assert event.type == path.parent.name
    assert isinstance(event.data, CATALOGUE[event.type].model)
    published(event.type).validate(raw)


@pytest.mark.parametrize("path", VALID, ids=name)
def test_a_valid_example_with_fields_of_a_later_release_is_read_and_its_schema_accepts_it(
    path: Path, published: Callable[[str], Any]
) -> None:
    raw = json.loads(path.read_text())
    raw["data"]["laterField"] = {"anything": [1, None]}
    raw["laterextension"] = "1"
    assert read(raw, strict=False).raw == raw
    published(raw["type"]).validate(raw)
    with pytest.raises(Unreadable) as error:
        read(raw, strict=True)
    assert [fault.where for fault in error.value.faults] == ["data.laterField"]


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_an_invalid_example_is_refused_for_the_reason_and_at_the_place_it_says(path: Path) -> None:
    example = json.loads(path.read_text())
    with pytest.raises(Unreadable) as error:
        read(example["event"], strict=example.get("at") == "http")
    assert error.value.reason == example["because"]["reason"]
    assert [fault.where for fault in error.value.faults] == [example["because"]["where"]]
    assert error.value.faults[0].what


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_a_schema_refuses_what_the_model_finds_unreadable_where_a_schema_can_say_so(
    path: Path, published: Callable[[str], Any]
) -> None:
    example = json.loads(path.read_text())
    beyond = example.get("schemaCannotSay") or example.get("at") == "http"
    expected = example["because"]["reason"] != "unreadable" or bool(beyond)
    accepted = published(path.parent.name).is_valid(example["event"])
    assert accepted == expected


@pytest.mark.parametrize("path", [*VALID, *INVALID], ids=name)
def test_asyncapi_accepts_and_refuses_what_the_json_schema_does(
    path: Path, published: Callable[[str], Any], payloads: Callable[[str], Any]
) -> None:
    raw = json.loads(path.read_text())
    raw = raw.get("event", raw)
    assert payloads(path.parent.name).is_valid(raw) == published(path.parent.name).is_valid(raw)


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_an_invalid_example_says_why_in_a_sentence_for_people(path: Path) -> None:
    because = json.loads(path.read_text())["because"]
    assert set(because) == {"reason", "where", "why"}
    assert len(because["why"].split()) > 3


def test_examples_of_inputs_cover_every_reason_a_reader_gives() -> None:
    reasons = {json.loads(path.read_text())["because"]["reason"] for path in INVALID if path.parent.name in INPUTS}
    assert reasons == {"unreadable", "personal-data", "in-the-future"}
