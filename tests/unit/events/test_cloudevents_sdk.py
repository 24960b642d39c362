"""The CloudEvents project's SDK reads what we write, and we read what it writes, in each mode over each protocol."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.v1.event import CloudEvent

from events.catalogue import CATALOGUE
from events.envelope import ATTRIBUTES, STRUCTURED_HEADERS, digest, encode, read_message
from events.reading import parse

EXAMPLES = sorted((Path(__file__).parents[3] / "schemas" / "examples").glob("*/valid-*.json"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def theirs(raw: dict[str, Any]) -> CloudEvent:
    """The event as a user of the SDK makes it."""
    attributes = {key: value for key, value in raw.items() if key != "data"}
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"])
    return CloudEvent(attributes, raw["data"])


def as_bytes(headers: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(key, value.encode("latin-1")) for key, value in headers.items()]


def same(read: dict[str, Any], raw: dict[str, Any]) -> None:
    """Equal in all but the spelling of `time`, in which the SDK has its own taste."""
    assert {**read, "time": datetime.fromisoformat(read["time"])} == {
        **raw,
        "time": datetime.fromisoformat(raw["time"]),
    }
    assert parse(read, strict=True).data == parse(raw, strict=True).data
    assert digest({**read, "time": raw["time"]}) == digest(raw)


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_the_sdk_reads_what_we_write_to_kafka(path: Path) -> None:
    raw = json.loads(path.read_text())
    message = kafka.KafkaMessage(headers=dict(STRUCTURED_HEADERS), key=None, value=encode(raw))
    event = kafka.from_kafka_event(message)
    assert event.get_data() == raw["data"]
    for attribute in ATTRIBUTES & raw.keys() - {"time"}:
        assert event.get_attributes()[attribute] == raw[attribute]
    assert event.get_time() == datetime.fromisoformat(raw["time"])


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_we_read_the_sdks_structured_and_binary_messages_over_kafka(path: Path) -> None:
    raw = json.loads(path.read_text())
    for message in (kafka.to_structured_event(theirs(raw)), kafka.to_binary_event(theirs(raw))):
        same(read_message(message.headers.items(), message.value), raw)


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_we_read_the_sdks_structured_and_binary_messages_over_http(path: Path) -> None:
    raw = json.loads(path.read_text())
    for message in (http.to_structured_event(theirs(raw)), http.to_binary_event(theirs(raw))):
        same(read_message(as_bytes(message.headers), message.body), raw)


def test_attributes_that_http_cannot_carry_as_they_are_arrive_whole() -> None:
    raw = {
        "specversion": "1.0",
        "id": 'nummer 1 – 100% "zeker"',  # noqa: RUF001 - what people type
        "source": "urn:x",
        "type": next(iter(CATALOGUE)),
        "subject": "café",
        "time": datetime(2026, 11, 24, tzinfo=UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {},
    }
    for message in (http.to_binary_event(theirs(raw)), http.to_structured_event(theirs(raw))):
        read = read_message(as_bytes(message.headers), message.body)
        assert (read["id"], read["subject"]) == (raw["id"], raw["subject"])
    message = kafka.to_binary_event(theirs(raw))
    assert read_message(message.headers.items(), message.value)["id"] == raw["id"]
