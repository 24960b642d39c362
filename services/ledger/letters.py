"""Dead letters: as rows of the outbox, as they are kept until they are mended, and the word to who sent them; pure."""

import base64
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from events.catalogue import DEAD_LETTERS
from events.envelope import encode
from services.agreements.senders import Sender
from services.ledger.reading import Rejected, first_seen
from services.ledger.telling import refused
from services.runtime import dead_letters
from services.runtime.dead_letters import Origin
from services.runtime.options import MESSAGE_BYTES_MAX
from services.runtime.records import Record

OutboxEntry = tuple[UUID | None, str, bytes | None, bytes | None, str | None]
"""The signal, the topic, key, value and headers (JSON) of what is to be published."""

RECORD_BYTES_MAX = MESSAGE_BYTES_MAX - 64 * 1024
"""Of a record that becomes a dead letter as it is; the rest is for the headers that say why."""
KEPT_BYTES = 1024 * 1024
PARTITION_MAX, OFFSET_MAX = 2**31 - 1, 2**63 - 1
"""As Kafka and PostgreSQL count them."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be read, and what of it is published and kept."""

    item: Rejected
    place: Origin
    """Where it was first received: there it is counted, also when it comes back by way of `loop.retries`."""
    sender: Sender | None
    record: Record
    """What fits of the record."""
    whole: bool
    """Whether that is all of it, so that it can be retried."""
    message: str
    service: str

    def headers(self) -> str:
        """The record's own and those that say why, as the outbox holds them."""
        item = self.item
        pairs = dead_letters.headers(
            self.record, service=self.service, reason=item.reason, message=self.message, attempts=item.attempts
        )
        return json.dumps([[name, base64.b64encode(value).decode()] for name, value in pairs])


def letter_of(item: Rejected, service: str, known: Collection[str]) -> Letter:
    """The dead letter of `item`, whatever is in it; `known` are the topics that the ledger reads.

    Headers of a retry that name no place on one of these are not believed: it then counts as `loop.retries`' own, and
    nobody is told.
    """
    first = first_seen(item.record)
    believed = _is_place(first, known)
    own = Origin(item.record.topic, item.record.partition, item.record.offset, item.record.timestamp)
    record, message = _that_fits(item.record, item.message)
    return Letter(
        item=item,
        place=first if believed else own,
        sender=item.sender if believed else None,
        record=record,
        whole=record is item.record,
        message=message,
        service=service,
    )


def entries(letter: Letter, source: str) -> Iterable[OutboxEntry]:
    """What is published: the dead letter, and what its sender is told."""
    record, item = letter.record, letter.item
    yield None, DEAD_LETTERS, record.key, record.value, letter.headers()
    if letter.sender is not None:
        at = letter.place.timestamp
        follow = refused(source, letter.sender, at, item.reference, "unreadable", item.message, *record.place)
        yield None, follow.topics[0], record.key, encode(follow.raw), None


def _is_place(first: Origin, known: Collection[str]) -> bool:
    return first.topic in known and 0 <= first.partition <= PARTITION_MAX and 0 <= first.offset <= OFFSET_MAX


def _that_fits(record: Record, message: str) -> tuple[Record, str]:
    """The record as it is; or what can be published of it, with a message that says so.

    A broker limits a batch as its producer compressed it, so a record may be far larger than any that we may send.
    """
    value, key = record.value or b"", record.key or b""
    size = len(value) + len(key) + sum(len(name.encode()) + len(own) for name, own in record.headers)
    if size <= RECORD_BYTES_MAX:
        return record, message
    ours = tuple(pair for pair in record.headers if pair[0].startswith(dead_letters.PREFIX))
    cut = record._replace(key=None, value=value[:KEPT_BYTES], headers=ours if dead_letters.origin(ours) else ())
    note = f"too large to keep: {len(value)} bytes, and here the first {KEPT_BYTES} without key and headers"
    return cut, f"{note}; {message}"
