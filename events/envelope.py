"""CloudEvents 1.0 in the NL GOV profile 1.1: read in structured and binary mode, written in structured mode.

Source: Logius, *NL GOV profile for CloudEvents*; CloudEvents 1.0 with its JSON, HTTP and Kafka bindings.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from events.faults import Fault, Unreadable
from events.forms import Form
from events.identifiers import EventId, Source
from events.moments import Moment, zulu

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
STRUCTURED_HEADERS: tuple[tuple[str, bytes], ...] = (("content-type", f"{STRUCTURED}; charset=UTF-8".encode()),)
"""The Kafka headers of every event that the loop writes."""

SIZE_MAX = 64 * 1024
"""Bytes of one event; NL GOV asks that 64 KiB be accepted."""
OUTCOME_SIZE_MAX = 2 * SIZE_MAX
"""Bytes of one event that the loop writes: a report of the greatest size, and what the loop says about it."""

DEPTH_MAX = 64
"""How deep the JSON of an event may be nested: what reads it further walks it, and must not run out of stack."""

_NO_CONTROL = r"^[^\u0000-\u001f\u007f-\u009f]+$"
_ATTRIBUTE = "at least one character, and no control character"
_JSON_TYPE = r"^[Aa]pplication/([0-9A-Za-z_.+-]+\+)?[Jj][Ss][Oo][Nn]([ \t]*;.*)?$"
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def writer(item_separator: str, key_separator: str, *, sort_keys: bool = False) -> Callable[[Any], str]:
    """As `json.dumps` writes with these settings (no ASCII only, no NaN), in half of its time.

    That, and an encoder that is kept, make the machinery behind them anew for each value.
    """
    separators = item_separator, key_separator
    kept = json.JSONEncoder(
        ensure_ascii=False, separators=separators, allow_nan=False, check_circular=False, sort_keys=sort_keys
    )
    make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]  # typeshed does not tell of it
    if make is None:  # a Python without C
        return kept.encode
    text = json.encoder.encode_basestring
    write = make(None, kept.default, text, None, key_separator, item_separator, sort_keys, False, False)
    return lambda value: "".join(write(value, 0))


_sorted = writer(",", ":", sort_keys=True)


class Attributes(BaseModel):
    """The context attributes of an event; extensions (`traceparent`, …) are kept apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    specversion: Literal["1.0"]
    id: EventId
    source: Source
    type: Annotated[str, Form(_NO_CONTROL, _ATTRIBUTE, 200)]
    subject: Annotated[str, Form(_NO_CONTROL, _ATTRIBUTE, 300)] | None = None
    time: Moment | None = None
    datacontenttype: Annotated[str, Form(_JSON_TYPE, "a JSON media type, as in application/json", 200)] | None = None
    dataschema: Annotated[str, Form(r"^[!-~]+$", "a URI: printable ASCII without spaces", 300)] | None = None


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
    body = to_json(raw)
    return _COMPACT.encode(raw).encode() if _is_unbounded(body) else body  # which raises, if it is a number


def read_message(
    headers: Iterable[tuple[str, bytes | None]], value: bytes | None, *, size_max: int = SIZE_MAX
) -> dict[str, Any]:
    """The event in a Kafka message or an HTTP body as a structured-mode dictionary; raises `Unreadable`.

    Structured when the content type starts with `application/cloudevents`, else binary (`ce_` and `ce-` headers).
    Header names are matched in any case; headers that are no CloudEvents attribute may hold any bytes. `size_max` is
    in bytes; who reads what the loop writes passes `OUTCOME_SIZE_MAX`, since an assignment holds the whole report.
    """
    if value is None:
        raise Unreadable("no-value", [Fault("", "the message has no value; an event has data")])
    if len(value) > size_max:
        raise Unreadable("too-large", [Fault("", f"the message is {len(value)} bytes; at most {size_max} are allowed")])
    if headers == STRUCTURED_HEADERS:  # as the gateway and most bridges send it
        return _object(read_json(value))
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
    """The JSON in `value`; `Unreadable` when it is no UTF-8, no JSON, or text that PostgreSQL cannot hold.

    pydantic's parser needs a third of the time. What it does not read, and what may be wrong in a way that it does not
    see (an escape, a great depth, a number out of range), is read by the other, which can say why.
    """
    body, is_checked = _read(value)
    if is_checked:
        return body
    is_deep = _may_be_deep(value) and _is_too_deep(body)
    return _read_thoroughly(value) if is_deep or _is_unbounded(to_json(body)) else body


def read_list(value: bytes) -> tuple[Any, list[bytes]]:
    """As `read_json`, and of a list each member as `encode` writes it: in so many events it is not done twice."""
    body, is_checked = _read(value)
    written = [to_json(one) for one in body] if isinstance(body, list) else [to_json(body)]
    is_deep = not is_checked and any(map(_may_be_deep, written)) and _is_too_deep(body)
    if is_deep or any(map(_is_unbounded, written)):
        body = body if is_checked else _read_thoroughly(value)  # which raises, if it is too deep, or a number
        written = [encode(one) for one in body] if isinstance(body, list) else []
    return body, written


def _read(value: bytes) -> tuple[Any, bool]:
    """The JSON, and whether its depth and its numbers were looked at."""
    if b"\\u" in value:
        return _read_thoroughly(value), True
    try:
        return from_json(value, allow_inf_nan=False), False
    except ValueError:
        return _read_thoroughly(value), True


def _may_be_deep(written: bytes) -> bool:
    """Whether this JSON, or a list of which it is a member, can be nested too deeply."""
    return written.count(b"[") + written.count(b"{") >= DEPTH_MAX


def _is_unbounded(written: bytes) -> bool:
    """Whether this JSON holds a number that JSON does not have, as pydantic writes it, or a text that says so."""
    return b"Infinity" in written or b"NaN" in written


def _read_thoroughly(value: bytes) -> Any:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("not-utf-8", [Fault("", f"byte {error.start} is no UTF-8")]) from None
    try:
        body = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if _SURROGATE.search(text):  # only an escape can stand for half of a pair; most texts have none
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
    if _is_too_deep(body):
        raise Unreadable("not-json", [Fault("", f"the JSON is nested deeper than {DEPTH_MAX} levels")])
    if _NUL.search(text):
        raise Unreadable("not-json", [Fault("", "the JSON holds a NUL character, which is no text")])
    return body


def _is_too_deep(body: Any) -> bool:
    level = [body] if isinstance(body, dict | list) else []
    for _ in range(DEPTH_MAX):
        if not level:
            return False
        level = [
            inner
            for value in level
            for inner in (value.values() if type(value) is dict else value)
            if type(inner) is dict or type(inner) is list  # asked so, and not by `isinstance`: of each value of a batch
        ]
    return bool(level)


def canonical(value: Any) -> bytes:
    """`value` as sorted JSON: equal content has equal bytes."""
    return _sorted(value).encode()


def digest(raw: Mapping[str, Any]) -> bytes:
    """SHA-256 over what makes an event itself beside `source` and `id`: type, subject, time and data (contract 1)."""
    return hashlib.sha256(canonical([raw.get(name) for name in ("type", "subject", "time", "data")])).digest()


def _header_attributes(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in headers:
        key = name.lower()
        if value is not None and (key == "content-type" or key.startswith(("ce_", "ce-"))):
            try:
                attributes[key[3:] if key.startswith("ce") else key] = _header_text(key, value)
            except UnicodeDecodeError:
                raise Unreadable("not-utf-8", [Fault(name, "the header is no UTF-8")]) from None
    return attributes


def _header_text(key: str, value: bytes) -> str:
    """HTTP headers (`ce-`) are quoted and percent-encoded (CloudEvents HTTP 3.1.3.2); Kafka's are plain UTF-8."""
    if not key.startswith("ce-"):
        return value.decode()
    if len(value) > 1 and value.startswith(b'"') and value.endswith(b'"'):
        value = re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return unquote_to_bytes(value).decode()


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Unreadable("not-json", [Fault("", "the message must be a JSON object: one event")])
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is too large for a JSON number")
    return number
