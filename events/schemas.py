"""A JSON Schema (2020-12) for the whole structured-mode event of each type, made from the model of its data.

Readers must ignore what they do not know, so a published schema allows unknown fields of `data`. The HTTP edge is
stricter with who writes: it refuses them, since an unknown field is most often a misspelt one. What no schema says
(no personal data, no moment in the future, days that exist) is checked by `events.reading`.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from events.catalogue import CATALOGUE, Entry
from events.envelope import Attributes
from events.signals import Data

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://koikarper.nl/schemas/types/"
"""What `$id`s begin with; names, not addresses: a town's gateway serves the same schemas at `/v1/schemas/{type}`."""

READERS = (
    "Fields of data that this schema does not name are allowed: readers ignore them, so that a later release can add "
    "optional ones. POST /v1/events refuses them, since an unknown field is most often a misspelt one."
)

Schema = dict[str, Any]


def schema_of(type_: str) -> Schema:
    """The JSON Schema of a type's events; KeyError when there is no such type."""
    entry = CATALOGUE[type_]
    data, definitions = _definitions(entry.model)
    return {
        "$schema": DIALECT,
        "$id": f"{BASE}{type_}.json",
        "title": type_,
        "description": _summary(entry),
        "$comment": READERS,
        **envelope(type_, data),
        "$defs": definitions,
    }


def schemas() -> dict[str, Schema]:
    """The JSON Schema of every type of the catalogue."""
    return {type_: schema_of(type_) for type_ in CATALOGUE}


def envelope(type_: str, data: Schema) -> Schema:
    """The keywords that describe an event of this type around the schema of its `data`."""
    properties = _tidy(Attributes.model_json_schema())["properties"]
    properties["type"] = {"const": type_}
    return {
        "type": "object",
        "required": [*_required(), "data"],
        "properties": {**properties, "data": data},
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {
            "description": "An extension attribute, as `traceparent`; null is the same as absent.",
            "type": ["string", "integer", "boolean", "null"],
        },
    }


def _required() -> list[str]:
    return [name for name, field in Attributes.model_fields.items() if field.is_required()]


def _summary(entry: Entry) -> str:
    return " ".join((entry.model.__doc__ or "").split())


def _definitions(model: type[Data]) -> tuple[Schema, dict[str, Schema]]:
    """A reference to the model's schema, and that schema with all it refers to."""
    references, whole = models_json_schema([(model, "validation")], by_alias=True)
    definitions: dict[str, Schema] = _tidy(whole)["$defs"]
    return references[model, "validation"], definitions


def _tidy(schema: Any) -> Any:
    """Without what pydantic adds and a reader does not need: titles made from names, and defaults of null."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _tidy(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
