"""Seals: the record cannot be edited in silence (BIO2 8.15). Pure.

Whatever one batch adds to the record is sealed, per partition from which it was read: a seal is a SHA-256 over the
seal before it in that partition, what the seal says of itself, and each row in order. Who changes, removes, adds or
reorders rows must make every later seal anew, and cannot change those that somebody wrote down elsewhere.

The form is a promise: seals that are stored were made with it.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

FIRST = bytes(32)
"""What stands before the first seal of a partition."""


class SealedRow(NamedTuple):
    """What of a row of the record is sealed: all of it save its own numbers (`seq`, `seal`)."""

    topic: str
    partition: int
    offset: int
    at: datetime
    source: str
    id: str
    type: str
    signal: UUID | None
    sender: str
    refused: str | None
    body: bytes

    def form(self) -> bytes:
        """The row as one line of JSON, the body as its SHA-256, the moment in UTC."""
        at = self.at if self.at.tzinfo is UTC else self.at.astimezone(UTC)
        body = hashlib.sha256(self.body).hexdigest()
        signal = str(self.signal) if self.signal else None
        return _line(*self[:3], at.isoformat(), *self[4:7], signal, self.sender, self.refused, body)


def seal(before: bytes, topic: str, partition: int, agreements: str, rows: Sequence[SealedRow]) -> bytes:
    """The seal (32 bytes) of `rows`, read from this partition and decided under this version of the agreements."""
    digest = hashlib.sha256(before)
    digest.update(_line(topic, partition, agreements, len(rows)))
    for row in rows:
        digest.update(row.form())
    return digest.digest()


def _line(*values: str | int | None) -> bytes:
    """As `json.dumps` writes it, put together by hand: each event of the record needs one."""
    return f"[{', '.join([_text(value) if isinstance(value, str) else _rest(value) for value in values])}]\n".encode()


_text = json.encoder.encode_basestring_ascii


def _rest(value: int | None) -> str:
    return "null" if value is None else str(value)
