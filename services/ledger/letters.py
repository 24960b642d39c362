"""Dead letters as rows of the outbox, and the word to a sender whose answer became one."""

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from events.catalogue import DEAD_LETTERS
from events.envelope import encode
from services.ledger.reading import Rejected, first_seen
from services.ledger.telling import refused
from services.runtime import dead_letters
from services.runtime.options import MESSAGE_BYTES_MAX
from services.runtime.records import Record

OutboxEntry = tuple[UUID | None, str, bytes | None, bytes | None, str | None]
"""The signal, the topic, key, value and headers (JSON) of what is to be published."""

RECORD_BYTES_MAX = MESSAGE_BYTES_MAX - 64 * 1024
"""Of a record that becomes a dead letter as it is; the rest is for the headers that say why."""
KEPT_BYTES = 1024 * 1024


def dead_letter(item: Rejected, source: str, service: str) -> Iterable[OutboxEntry]:
    """The dead letter of a record, and what its sender is told."""
    record, message = _that_fits(item.record, item.message)
    pairs = dead_letters.headers(record, service=service, reason=item.reason, message=message, attempts=item.attempts)
    encoded = json.dumps([[name, base64.b64encode(value).decode()] for name, value in pairs])
    yield None, DEAD_LETTERS, record.key, record.value, encoded
    if item.sender is not None:
        at = first_seen(record).timestamp
        follow = refused(source, item.sender, at, item.reference, "unreadable", item.message, *record.place)
        yield None, follow.topics[0], record.key, encode(follow.raw), None


def _that_fits(record: Record, message: str) -> tuple[Record, str]:
    """The record as it is; or what can be published of it, with a message that says so.

    A broker limits a batch as its producer compressed it, so a record may be far larger than any that we may send.
    """
    value, key = record.value or b"", record.key or b""
    size = len(value) + len(key) + sum(len(name) + len(own) for name, own in record.headers)
    if size <= RECORD_BYTES_MAX:
        return record, message
    ours = tuple(pair for pair in record.headers if pair[0].startswith(dead_letters.PREFIX))
    cut = replace(record, key=None, value=value[:KEPT_BYTES], headers=ours if dead_letters.origin(ours) else ())
    note = f"too large to keep: {len(value)} bytes, and here the first {KEPT_BYTES} without key and headers"
    return cut, f"{note}; {message}"
