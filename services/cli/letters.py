"""A dead letter for people and for programs."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from events.moments import zulu
from services.ledger.mending import Rows
from services.runtime.dead_letters import PREFIX

SHOWN_MAX = 16 * 1024
"""Characters of a value, on a terminal."""


def fate(row: Row[Any]) -> str:
    """What became of it: by whom, when and why."""
    if row.state == "open":
        return "open"
    why = f" ({row.settled_because})" if row.settled_because else ""
    return f"{row.state} by {row.settled_by} at {zulu(row.settled_at)}{why}"


def absent(number: int) -> str:
    """That there is no such letter, and where else it may be."""
    return (
        f"There is no dead letter {number} here: `koikarper dead-letters list --all` shows those there are. "
        "What a department's own program could not read is not kept here: mend that program, and let it have its "
        "assignments again with `koikarper redeliver`."
    )


def as_json(row: Row[Any]) -> dict[str, Any]:
    """Everything but its bytes."""
    return {
        "nr": row.nr,
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "receivedAt": zulu(row.received_at),
        "read": {"topic": row.read_topic, "partition": row.read_partition, "offset": row.read_offset},
        "setApartAt": zulu(row.at),
        "reason": row.reason,
        "message": row.message,
        "attempts": row.attempts,
        "sender": row.sender,
        "size": row.size,
        "whole": row.whole,
        "state": row.state,
        "settledAt": zulu(row.settled_at) if row.settled_at else None,
        "settledBy": row.settled_by,
        "settledBecause": row.settled_because,
    }


def content(row: Row[Any]) -> dict[str, Any]:
    """Its bytes, in base64; a value that is text as text too."""
    return {
        "key": _encoded(row.key),
        "value": _encoded(row.value),
        "text": _text(row.value),
        "headers": row.headers,
    }


def as_shown(row: Row[Any], others: Rows) -> Iterator[str]:
    """Lines for people: first what became of it and what is wrong, last the content."""
    yield f"Dead letter {row.nr}: {fate(row)}"
    facts = {
        "what is wrong": f"{row.reason}: {row.message}",
        "first received": f"{row.topic}/{row.partition}, offset {row.offset}, at {zulu(row.received_at)}",
        "read this time": f"{row.read_topic}/{row.read_partition}, offset {row.read_offset}",
        "set apart": f"at {zulu(row.at)}, after {row.attempts} attempt{'' if row.attempts == 1 else 's'}",
        "sender": row.sender or "not known from the topic",
        "size": f"{row.size:,} bytes" if row.whole else f"{row.size:,} bytes: too large to be kept whole or retried",
    }
    yield from (f"  {name:<15} {fact}" for name, fact in facts.items())
    yield from (f"  {'same record':<15} dead letter {other.nr}: {fate(other)}" for other in others)
    if row.state != "open":
        yield "Its bytes are not here any more."
        return
    yield "Headers:"
    yield from _headers(row.headers or [])
    yield f"Key: {_said(row.key)}"
    yield "Value:"
    yield _value(row.value)


def _headers(pairs: Sequence[Sequence[str]]) -> Iterator[str]:
    """Those that say why are told already."""
    own = [(name, base64.b64decode(value)) for name, value in pairs if not name.startswith(PREFIX)]
    yield from (f"  {name}: {_said(value)}" for name, value in own) if own else ("  none",)


def _value(value: bytes | None) -> str:
    text = _text(value)
    try:
        shown = json.dumps(json.loads(text or ""), indent=2, ensure_ascii=False)
    except ValueError:
        shown = _said(value)
    return shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}… (`--value` gives all of it)"


def _said(value: bytes | None) -> str:
    """Text as it is, and bytes that are none in hexadecimal digits."""
    if value is None:
        return "none"
    text = _text(value)
    return value.hex(" ") if text is None else text


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _encoded(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
