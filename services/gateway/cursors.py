"""Where a page of a list ended, as a text that callers pass on without reading it."""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from events.faults import Fault
from services.gateway.problems import invalid, mistakes
from services.ledger.queries import Position, RecordPosition

BIGINT_MAX = 2**63 - 1


def encode(kind: str, *keys: object) -> str:
    """The cursor of a list of this `kind` that ended at `keys`."""
    return base64.urlsafe_b64encode(json.dumps([kind, *map(_text, keys)]).encode()).decode().rstrip("=")


def decode(kind: str, cursor: str, *types: Callable[[str], Any]) -> tuple[Any, ...]:
    """The keys in a cursor of a list of this `kind`; a problem 400 when it is none."""
    try:
        found, *keys = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        if found == kind and len(keys) == len(types):
            return tuple(type_(key) for type_, key in zip(types, keys, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        pass
    fault = Fault("after", "is no cursor of this list; use the `next` of the page before, or leave it out")
    raise invalid(mistakes([fault], in_="query"))


def position(kind: str, cursor: str | None) -> Position | None:
    """The position in a list that is ordered by a moment and an id."""
    return Position(*decode(kind, cursor, moment, UUID)) if cursor is not None else None


def record_position(cursor: str | None) -> RecordPosition | None:
    """The position in a timeline."""
    return RecordPosition(*decode("timeline", cursor, moment, sequence)) if cursor is not None else None


def moment(text: str) -> datetime:
    """An aware moment to the microsecond, as it was written into a cursor."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no offset")
    return found


def sequence(text: str) -> int:
    """A number of a row, within what the database can hold."""
    number = int(text)
    if not 0 <= number <= BIGINT_MAX:
        raise ValueError("out of range")
    return number


def _text(key: object) -> str:
    return key.isoformat() if isinstance(key, datetime) else str(key)
