"""CloudEvents 1.0 in the NL GOV profile 1.1: read in structured and binary mode, written in structured mode.

Source: Logius, *NL GOV profile for CloudEvents*; CloudEvents 1.0 with its JSON, HTTP and Kafka bindings.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, StringConstraints

from events.faults import Fault, Unreadable
from events.identifiers import EventId, Source
from events.moments import Moment, zulu

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
STRUCTURED_HEADERS: tuple[tuple[str, bytes], ...] = (("content-type", f"{STRUCTURED}; charset=UTF-8".encode()),)
"""The Kafka headers of every event that the loop writes."""

SIZE_MAX = 64 * 1024
"""Bytes of one event; NL GOV asks that 64 KiB be accepted."""

_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json(\s*;.*)?", re.IGNORECASE)


class Attributes(BaseModel):
    """The context attributes of an event; extensions (`traceparent`, …) are kept apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    specversion: Literal["1.0"]
    id: EventId
    source: Source
    type: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    subject: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    time: Moment | None = None
    datacontenttype: Annotated[str, StringConstraints(pattern=_JSON_TYPE.pattern.join(("(?i)^", "$")))] | None = None
    dataschema: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None


ATTRIBUTES = frozenset(Attributes.model_fields)


def structured(
    *, id_: str, source: str, type_: str, time: datetime, data: Any, subject: str | None = None
) -> dict[str, Any]:
    """A structured-mode event as a dictionary ready for JSON; `data` is JSON already."""
    event = {"specversion": "1.0", "id": id_, "source": source, "type": type_, "time": zulu(time)}
    if subject:
        event["subject"] = subject
    return {**event, "datacontenttype": "application/json", "data": data}


def encode(raw: Mapping[str, Any]) -> bytes:
    """JSON bytes of a structured-mode event."""
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()


def read_message(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> dict[str, Any]:
    """The event in a Kafka message or an HTTP body as a structured-mode dictionary; raises `Unreadable`.

    Structured when the content type starts with `application/cloudevents`, else binary (`ce_` and `ce-` headers).
    Header names are matched in any case; headers that are no CloudEvents attribute may hold any bytes.
    """
    if value is None:
        raise Unreadable("no-value", [Fault("", "the message has no value; an event has data")])
    if len(value) > SIZE_MAX:
        raise Unreadable("too-large", [Fault("", f"the message is {len(value)} bytes; at most {SIZE_MAX} are allowed")])
    attributes = _header_attributes(headers)
    content_type = attributes.pop("content-type", "")
    body = read_json(value)
    if content_type.lower().startswith("application/cloudevents"):
        return _object(body)
    if attributes:
        return attributes | {"datacontenttype": content_type or "application/json", "data": body}
    # Neither content type nor attributes: a plain Kafka client that sent a whole event is understood.
    return _object(body)


def read_json(value: bytes) -> Any:
    """The JSON in `value`; `Unreadable` when it is no UTF-8, no JSON, or text that PostgreSQL cannot hold."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("not-utf-8", [Fault("", f"byte {error.start} is no UTF-8")]) from None
    try:
        body = json.loads(text, parse_constant=_no_constant)
        canonical(body)
    except UnicodeEncodeError:
        raise Unreadable("not-utf-8", [Fault("", "the JSON holds half of a surrogate pair")]) from None
    except RecursionError:
        raise Unreadable("not-json", [Fault("", "the JSON is nested too deeply")]) from None
    except json.JSONDecodeError as error:
        raise Unreadable(
            "not-json", [Fault("", f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}")]
        ) from None
    except ValueError as error:
        raise Unreadable("not-json", [Fault("", str(error))]) from None
    if "\\u0000" in text and "\\u0000" in json.dumps(body):
        raise Unreadable("not-json", [Fault("", "the JSON holds a NUL character, which is no text")])
    return body


def canonical(value: Any) -> bytes:
    """`value` as sorted JSON: equal content has equal bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(raw: Mapping[str, Any]) -> bytes:
    """SHA-256 over what makes an event itself beside `source` and `id`: type, subject, time and data (contract 1)."""
    return hashlib.sha256(canonical([raw.get(name) for name in ("type", "subject", "time", "data")])).digest()


def _header_attributes(headers: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in headers:
        key = name.lower()
        if key == "content-type" or key.startswith(("ce_", "ce-")):
            try:
                attributes[key[3:] if key.startswith("ce") else key] = value.decode()
            except UnicodeDecodeError:
                raise Unreadable("not-utf-8", [Fault(name, "the header is no UTF-8")]) from None
    return attributes


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Unreadable("not-json", [Fault("", "the message must be a JSON object: one event")])
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
