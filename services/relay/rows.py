"""A row of the outbox, and which rows keep an order among themselves."""

import base64
import json
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from events.envelope import STRUCTURED_HEADERS
from services.runtime.errors import PermanentError
from services.runtime.publisher import Message
from services.runtime.records import Headers

Lane = UUID | int
"""What has one order: the rows of a signal; a row that belongs to no signal (a dead letter) stands alone, by number."""


class Row(NamedTuple):
    """What is to be published once: bytes untouched."""

    seq: int
    signal: UUID | None
    topic: str
    """The logical name, without the deployment's prefix."""
    key: bytes | None
    value: bytes | None
    headers: str | None
    """JSON: a list of [name, base64]; None: those of a structured event."""
    waited_seconds: float = 0.0
    """How long it had been in the outbox when it was read, by the database's clock."""

    @property
    def lane(self) -> Lane:
        """The order to which it belongs."""
        return self.seq if self.signal is None else self.signal


def by_lane(rows: Iterable[Row]) -> dict[Lane, list[Row]]:
    """The rows of each lane, in their order."""
    lanes: dict[Lane, list[Row]] = {}
    for row in rows:
        lanes.setdefault(row.lane, []).append(row)
    return lanes


def headers_of(row: Row) -> Headers:
    """The Kafka headers; raises `PermanentError` when what the ledger wrote cannot be read."""
    if row.headers is None:
        return STRUCTURED_HEADERS
    try:
        return tuple((name, base64.b64decode(value, validate=True)) for name, value in json.loads(row.headers))
    except (ValueError, TypeError) as error:
        raise PermanentError("unreadable", f"outbox row {row.seq}: headers are no list of [name, base64]") from error


def message_of(row: Row) -> Message:
    """What Kafka is given; raises `PermanentError` as `headers_of` does."""
    return Message(row.topic, row.key, row.value, headers_of(row))
