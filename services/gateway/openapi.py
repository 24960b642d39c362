"""The OpenAPI 3.1 document: FastAPI's own, with what it cannot know: bodies, and every answer that is no success."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from events.catalogue import INPUTS
from events.envelope import BATCH, STRUCTURED
from events.schemas import envelope
from services.gateway.admission import BATCH_EVENTS_MAX
from services.gateway.answering import CALLS, subject_of, type_of
from services.gateway.headers import API_VERSION
from services.gateway.problems import MEDIA_TYPE, ProblemBody

Document = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
PREFIX = "/v1"

DESCRIPTION = """\
Neighbourhood teams report signals; departments acknowledge and resolve them; anyone can see how long each one waits.
Moments are in UTC with `Z`. Lists are read page by page: `next` of one page goes into `after` for the next.
Errors are problems (RFC 9457) that name everything that is wrong, all together. Repeating any request is safe."""

PROBLEMS = {
    "400": "The request is wrong; `errors` says where and how, all together. Nothing of it was done.",
    "401": "There is no token, or it proves nothing: expired, of another issuer or audience, or signed by a stranger.",
    "403": "The token names nobody known here, or what is asked is another's to do.",
    "404": "There is no such thing, or it is not yours to read.",
    "406": "The answer would be JSON, and the Accept header excludes it.",
    "409": "It cannot be: `code` says why (a refusal code of the events, or `conflicting-repeat`). Nothing was sent.",
    "413": "An event is over 64 KiB, or a batch over 5 MiB.",
    "415": "The body is of a type that is not read here; `Accept-Post` says which are.",
    "500": "The gateway made a mistake.",
    "503": "The broker, the database or the issuer's keys are away; try again after `Retry-After`. A repeat is safe.",
}
PUBLIC = ("/openapi.json", "/asyncapi.json", "/schemas/{type}")
HEADERS = {
    "401": {"WWW-Authenticate": "How to prove who calls."},
    "415": {"Accept-Post": "The types of body that are read."},
    "503": {"Retry-After": "In how many seconds to try again."},
    "202": {"Preference-Applied": "With `Prefer: wait`: how long was waited at most."},
}


def document(app: FastAPI) -> Document:
    """The whole document of the application's routes; the paths are relative to the server `/v1`."""
    base = get_openapi(
        title="Koikarper",
        version=API_VERSION,
        description=DESCRIPTION,
        routes=app.routes,
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        servers=[{"url": PREFIX}],
        separate_input_output_schemas=True,
    )
    schemas = base.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= _input_schemas() | _problem_schemas()
    base["components"]["headers"] = {
        "API-Version": {"description": "The full version of the interface.", "schema": {"type": "string"}}
    }
    base["paths"] = {path.removeprefix(PREFIX): _operations(path, item) for path, item in base["paths"].items()}
    _describe_bodies(base["paths"])
    return base


def _operations(path: str, item: Document) -> Document:
    for method, operation in item.items():
        responses = operation["responses"]
        responses.pop("422", None)
        responses |= {status: _problem(status) for status in _statuses(path.removeprefix(PREFIX), method)}
        for status, response in responses.items():
            names: Document = {"API-Version": {"$ref": "#/components/headers/API-Version"}}
            names |= {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in HEADERS.get(status, {}).items()
            }
            response["headers"] = names
        operation["responses"] = dict(sorted(responses.items()))
    return item


def _statuses(path: str, method: str) -> list[str]:
    if path in PUBLIC:
        return ["404", "406", "500"] if "{" in path else ["406", "500"]
    found = ["400", "401", "403", "406", "500", "503"]
    if "{" in path:
        found.append("404")
    return [*found, "409", "413", "415"] if method == "post" else found


def _problem(status: str) -> Document:
    return {"description": PROBLEMS[status], "content": {MEDIA_TYPE: {"schema": _ref("ProblemBody")}}}


def _problem_schemas() -> Document:
    schema = ProblemBody.model_json_schema(ref_template=REFERENCE, mode="validation")
    return {**schema.pop("$defs"), "ProblemBody": schema}


def _input_schemas() -> Document:
    """The data of every signal and answer as the HTTP edge takes it: without unknown fields; and its whole event."""
    models = dict.fromkeys(entry.model for entry in INPUTS.values())
    _, whole = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    schemas: Document = {name: schema | {"additionalProperties": False} for name, schema in whole["$defs"].items()}
    for type_, entry in INPUTS.items():
        schemas[f"{entry.model.__name__}Event"] = envelope(type_, _ref(entry.model.__name__))
    for call in CALLS:
        model = INPUTS[type_of(call)].model
        schemas[_body_name(call)] = _without(schemas[model.__name__], subject_of(call))
    return schemas


def _describe_bodies(paths: Document) -> None:
    events = {"oneOf": [_ref(f"{entry.model.__name__}Event") for entry in INPUTS.values()]}
    data = {"oneOf": [_ref(name) for name in dict.fromkeys(entry.model.__name__ for entry in INPUTS.values())]}
    paths["/events"]["post"]["requestBody"] = {
        "required": True,
        "description": "One event in structured mode, a batch, or the data of one event with its attributes as "
        "`ce-` headers (binary mode, percent-encoded where they are no printable ASCII).",
        "content": {
            STRUCTURED: {"schema": events},
            BATCH: {"schema": {"type": "array", "maxItems": BATCH_EVENTS_MAX, "items": events}},
            "application/json": {"schema": data},
        },
    }
    for call in CALLS:
        operation = paths[f"/{subject_of(call)}s/{{id}}/{call}"]["post"]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(_body_name(call))}},
        }


def _body_name(call: str) -> str:
    return f"{INPUTS[type_of(call)].model.__name__}Body"


def _without(schema: Document, field: str) -> Document:
    return schema | {
        "properties": {name: value for name, value in schema["properties"].items() if name != field},
        "required": [name for name in schema["required"] if name != field],
        "title": f"{schema.get('title', '')}Body",
    }


def _ref(name: str) -> Document:
    return {"$ref": REFERENCE.format(model=name)}
