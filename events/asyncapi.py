"""The AsyncAPI 3.0 document: channels, operations and messages with their Kafka bindings, from the same tables.

It describes Koikarper, so it *receives* what teams and departments write and *sends* what they read. Schemas stand
in `components` in AsyncAPI's own dialect, of which all that ours use is part, so that every tool can follow them.
"""

from typing import Any

from events import schemas
from events.catalogue import CATALOGUE
from events.channels import Channel, channels, topic_config
from events.envelope import STRUCTURED

KAFKA_BINDING = "0.5.0"
LICENCE = {"name": "EUPL-1.2", "url": "https://interoperable-europe.ec.europa.eu/collection/eupl/eupl-text-eupl-12"}
DESCRIPTION = """\
Neighbourhood teams report signals; Koikarper assigns them to departments, tells both what becomes of them, and shows
how long each one waits. Every message is a CloudEvent 1.0 in the NL GOV profile, JSON; structured and binary mode are
both read, and what Koikarper writes is structured. Readers ignore fields and types that they do not know."""

Document = dict[str, Any]


def document(version: str) -> Document:
    """The AsyncAPI document of this release."""
    every = channels()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:koikarper:events",
        "info": {"title": "Koikarper", "version": version, "description": DESCRIPTION, "license": LICENCE},
        "defaultContentType": STRUCTURED,
        "servers": {
            "local": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "`koikarper local`; a town's own address and credentials come from its operators.",
            }
        },
        "channels": {channel.name: _channel(channel) for channel in every},
        "operations": {_operation_name(channel): _operation(channel) for channel in every},
        "components": {
            "messages": {type_: _message(type_) for type_ in CATALOGUE},
            "schemas": _definitions(),
        },
    }


def _channel(channel: Channel) -> Document:
    code = {"parameters": {"code": {"description": "The code of the department or team in the agreements."}}}
    return {
        "address": channel.topic.name,
        "description": f"{channel.summary} Owner: {channel.owner}.",
        **(code if channel.has_code else {}),
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in channel.types},
        "bindings": {"kafka": _kafka(channel)},
    }


def _kafka(channel: Channel) -> Document:
    config = topic_config(channel.topic)
    config["cleanup.policy"] = [config["cleanup.policy"]]  # a list in the binding, one word in Kafka
    known = {name: config[name] for name in ("cleanup.policy", "retention.ms", "max.message.bytes")}
    return {
        "partitions": channel.topic.partitions,
        "topicConfiguration": known,
        "bindingVersion": KAFKA_BINDING,
    }


def _operation_name(channel: Channel) -> str:
    return f"{'receive' if channel.is_input else 'send'}.{channel.name}"


def _operation(channel: Channel) -> Document:
    return {
        "action": "receive" if channel.is_input else "send",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": f"Read by: {'; '.join(channel.consumers)}. Written by: {'; '.join(channel.producers)}.",
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{type_}"} for type_ in channel.types],
    }


def _message(type_: str) -> Document:
    schema = schemas.schema_of(type_)
    payload = schemas.envelope(type_, schema["properties"]["data"])
    return {
        "name": type_,
        "title": type_,
        "summary": schema["description"],
        "contentType": STRUCTURED,
        "payload": _hoisted(payload),
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": KAFKA_BINDING}},
    }


def _definitions() -> Document:
    """The parts that types share, once: a name means the same model in each of them."""
    every = schemas.schemas().values()
    return {name: _hoisted(schema) for whole in every for name, schema in whole["$defs"].items()}


def _hoisted(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_hoisted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _hoisted(value)
        for key, value in schema.items()
    }
