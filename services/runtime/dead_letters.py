"""Dead letters: a record that could not be read, bytes and headers untouched, and the headers that say why.

`koikarper.errors.topic`, `.partition`, `.offset` and `.timestamp` name the record's first place and moment, also
when it comes back by way of `loop.retries`; `.service`, `.reason`, `.message` and `.attempts` tell of the failure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from events.catalogue import DEAD_LETTERS, RETRIES
from events.moments import parse_moment, zulu
from services.runtime.errors import PermanentError
from services.runtime.publisher import Publisher
from services.runtime.records import Record

PREFIX = "koikarper.errors."
MESSAGE_LENGTH_MAX = 1_000

Pairs = Iterable[tuple[str, bytes]]


class Origin(NamedTuple):
    """Where a record was first received, and when."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime


def headers(record: Record, *, service: str, reason: str, message: str, attempts: int) -> list[tuple[str, bytes]]:
    """The headers of a record's dead letter: its own, untouched and first, and then ours.

    A sender may have written headers with our names: whoever reads takes the last of each name, which is ours.
    """
    first = origin(record.headers) if record.topic == RETRIES else None
    place = first or Origin(record.topic, record.partition, record.offset, record.timestamp)
    own = untouched(record.headers) if first else record.headers
    ours = {
        "topic": place.topic,
        "partition": str(place.partition),
        "offset": str(place.offset),
        "timestamp": zulu(place.timestamp),
        "service": service,
        "reason": reason,
        "message": message[:MESSAGE_LENGTH_MAX],
        "attempts": str(attempts),
    }
    return [*own, *((PREFIX + name, text.encode(errors="replace")) for name, text in ours.items())]


def origin(pairs: Pairs) -> Origin | None:
    """The first place and moment that the headers name; None when they are absent or make no sense."""
    try:
        found = {name.removeprefix(PREFIX): value.decode() for name, value in pairs if name.startswith(PREFIX)}
        return Origin(found["topic"], int(found["partition"]), int(found["offset"]), parse_moment(found["timestamp"]))
    except (KeyError, ValueError):
        return None


def untouched(pairs: Pairs) -> tuple[tuple[str, bytes], ...]:
    """The headers without ours, as the sender wrote them."""
    return tuple((name, value) for name, value in pairs if not name.startswith(PREFIX))


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Publishes dead letters straight onto their topic, for a service that has no outbox."""

    publisher: Publisher
    service: str

    async def reject(self, record: Record, error: PermanentError, attempts: int) -> None:
        """Publish the record's dead letter; it is safe on the topic when this returns."""
        pairs = headers(record, service=self.service, reason=error.reason, message=error.message, attempts=attempts)
        await self.publisher.send(DEAD_LETTERS, record.key, record.value, pairs)
