"""The AsyncAPI document holds together: every reference resolves, and every type has its place.

It was checked once with `@asyncapi/parser` and the schema of `@asyncapi/specs` (npm, AsyncAPI 3.0.0); these tests
keep what that found, without a tool of another language.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from events import VERSION, asyncapi
from events.catalogue import CATALOGUE, INPUTS, loop_topics, neighbourhood_topics
from events.channels import channels, operators_channels, sheet

DOCUMENT = asyncapi.document(VERSION)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> Any:
    target: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        target = target[step]
    return target


def test_it_is_asyncapi_3_with_what_that_requires() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"] == VERSION
    assert set(DOCUMENT) <= {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }


def test_every_reference_resolves() -> None:
    every = set(references(DOCUMENT))
    assert every
    for reference in every:
        assert reference.startswith("#/")
        assert isinstance(resolve(reference), dict), reference


def test_every_type_is_a_message_on_at_least_one_channel() -> None:
    used = {type_ for channel in DOCUMENT["channels"].values() for type_ in channel["messages"]}
    assert used == set(CATALOGUE) == set(DOCUMENT["components"]["messages"])


@pytest.mark.parametrize("name", DOCUMENT["channels"])
def test_a_channel_has_a_parameter_for_each_variable_in_its_address(name: str) -> None:
    channel = DOCUMENT["channels"][name]
    assert re.findall(r"\{(\w+)\}", channel["address"]) == list(channel.get("parameters", {}))


@pytest.mark.parametrize("name", DOCUMENT["operations"])
def test_an_operation_speaks_of_its_own_channels_messages(name: str) -> None:
    operation = DOCUMENT["operations"][name]
    channel = operation["channel"]["$ref"]
    assert resolve(channel)
    assert operation["messages"]
    for message in operation["messages"]:
        assert message["$ref"].startswith(f"{channel}/messages/")


def test_koikarper_receives_what_people_write_and_sends_the_rest() -> None:
    for operation in DOCUMENT["operations"].values():
        types = {message["$ref"].rpartition("/")[2] for message in operation["messages"]}
        if operation["action"] == "receive":
            assert types <= set(INPUTS)
        else:
            assert operation["action"] == "send"
            assert types & (set(CATALOGUE) - set(INPUTS))


@pytest.mark.parametrize("type_", CATALOGUE)
def test_a_payload_is_a_schema_of_asyncapis_own_dialect(type_: str) -> None:
    Draft7Validator.check_schema(DOCUMENT["components"]["messages"][type_]["payload"])


def test_the_shared_schemas_are_of_that_dialect_too() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_keys_of_components_have_the_form_that_asyncapi_allows() -> None:
    for group in DOCUMENT["components"].values():
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", key) for key in group)


def test_every_topic_that_others_may_use_has_a_channel() -> None:
    addresses = {channel.topic.name for channel in (*channels(), *operators_channels())}
    expected = {topic.name for topic in (*neighbourhood_topics(), *loop_topics())} - {"loop.patterns"}
    expected |= {"neighbourhood.canary"}
    assert expected < addresses
    assert len(addresses) == len(expected) + 4


def test_a_topics_sheet_says_who_owns_writes_and_reads_it() -> None:
    for channel in (*channels(), *operators_channels()):
        said = sheet(channel)
        assert all(
            said[field] for field in ("topic", "summary", "owner", "producers", "consumers", "key", "partitions")
        )
        assert bool(said["events"]) == (channel in channels())


def test_what_a_channel_says_of_kafka_is_how_the_topic_is_made() -> None:
    for channel in channels():
        binding = DOCUMENT["channels"][channel.name]["bindings"]["kafka"]
        assert binding["partitions"] == channel.topic.partitions
        assert binding["topicConfiguration"]["retention.ms"] == channel.topic.retention_ms
