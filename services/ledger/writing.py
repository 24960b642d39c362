"""The set-based writes of the batch transaction: identities, the record, and the outbox."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.catalogue import DEAD_LETTERS
from events.envelope import encode
from events.identifiers import SignalId
from services.ledger.lifecycle import Decision, subject_of
from services.ledger.reading import Incoming, Rejected
from services.ledger.telling import refused
from services.runtime import dead_letters


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that enters the record, with what was decided."""

    item: Incoming
    signal: SignalId | None
    decision: Decision


def _array(name: str, type_: Any) -> Any:
    return bindparam(name, type_=ARRAY(type_))


# Sorted, so that two workers that take in the same events wait for each other instead of deadlocking.
_IDENTITIES = text("""
    insert into identity (source, id, digest)
    select source, id, digest from unnest(:sources, :ids, :digests) as new (source, id, digest)
    order by source, id
    on conflict (source, id) do nothing
    returning source, id
""").bindparams(_array("sources", Text), _array("ids", Text), _array("digests", LargeBinary))

_DIGESTS = text("""
    select source, id, digest from identity join unnest(:sources, :ids) as asked (source, id) using (source, id)
""").bindparams(_array("sources", Text), _array("ids", Text))

_RECORD = text("""
    insert into record (topic, partition, "offset", at, source, id, type, signal, sender, refused, body)
    select * from unnest(:topics, :partitions, :offsets, :moments, :sources, :ids, :types, :signals, :senders,
                         :refusals, :bodies)
""").bindparams(
    _array("topics", Text),
    _array("partitions", Integer),
    _array("offsets", BigInteger),
    _array("moments", DateTime(timezone=True)),
    _array("sources", Text),
    _array("ids", Text),
    _array("types", Text),
    _array("signals", Uuid()),
    _array("senders", Text),
    _array("refusals", Text),
    _array("bodies", LargeBinary),
)

_OUTBOX = text("""
    insert into outbox (signal, topic, key, value, headers)
    select signal, topic, key, value, cast(headers as json)
    from unnest(:signals, :topics, :keys, :values, :headers) with ordinality
         as new (signal, topic, key, value, headers, nr)
    order by nr
""").bindparams(
    _array("signals", Uuid()),
    _array("topics", Text),
    _array("keys", LargeBinary),
    _array("values", LargeBinary),
    _array("headers", Text),
)

_WAKE = text("select pg_notify('outbox_' || current_schema(), '')")

OutboxEntry = tuple[UUID | None, str, bytes | None, bytes | None, str | None]


async def record_identities(
    connection: AsyncConnection, incoming: Sequence[Incoming]
) -> tuple[list[Incoming], list[Rejected]]:
    """The events that are new, and those that repeat an earlier one with other content; plain repeats fall away."""
    first: dict[tuple[str, str], Incoming] = {}
    for item in incoming:
        first.setdefault((item.event.source, item.event.id), item)
    if not first:
        return [], []
    items = list(first.values())
    values = {**_keys(items), "digests": [item.digest for item in items]}
    inserted = {(row.source, row.id) for row in await connection.execute(_IDENTITIES, values)}
    known = {key: item.digest for key, item in first.items() if key in inserted}
    repeated = [item for key, item in first.items() if key not in inserted]
    if repeated:
        rows = await connection.execute(_DIGESTS, _keys(repeated))
        known |= {(row.source, row.id): bytes(row.digest) for row in rows}
    new = [item for key, item in first.items() if key in inserted]
    conflicting = [item for item in incoming if known[item.event.source, item.event.id] != item.digest]
    return new, [_conflict(item) for item in conflicting]


async def write_record(connection: AsyncConnection, decided: Sequence[Recorded]) -> None:
    """Append the events to the record, with the moment and the topic by which they count."""
    if not decided:
        return
    items = [entry.item for entry in decided]
    refusals = [entry.decision.refusal for entry in decided]
    await connection.execute(
        _RECORD,
        {
            "topics": [item.topic for item in items],
            "partitions": [item.record.partition for item in items],
            "offsets": [item.record.offset for item in items],
            "moments": [item.at for item in items],
            **_keys(items),
            "types": [item.event.type for item in items],
            "signals": [entry.signal for entry in decided],
            "senders": [":".join(item.sender) for item in items],
            "refusals": [refusal.code if refusal else None for refusal in refusals],
            "bodies": [encode(item.event.raw) for item in items],
        },
    )


async def write_outbox(
    connection: AsyncConnection,
    decided: Iterable[Recorded],
    rejected: Iterable[Rejected],
    source: str,
    service: str,
) -> None:
    """Put what follows into the outbox, dead letters included, and wake the relay at the commit."""
    entries = [entry for item in decided for entry in _follows(item)]
    entries += [entry for item in rejected for entry in _dead_letter(item, source, service)]
    if not entries:
        return
    signals, topics, keys, values, headers = zip(*entries, strict=True)
    columns = {"signals": signals, "topics": topics, "keys": keys, "values": values, "headers": headers}
    await connection.execute(_OUTBOX, {name: list(column) for name, column in columns.items()})
    await connection.execute(_WAKE)


def _follows(entry: Recorded) -> Iterable[OutboxEntry]:
    key = str(entry.signal or subject_of(entry.item.event)).encode()
    for follow in entry.decision.follows:
        value = encode(follow.raw)
        for topic in follow.topics:
            yield entry.signal, topic, key, value, None


def _dead_letter(item: Rejected, source: str, service: str) -> Iterable[OutboxEntry]:
    record = item.record
    pairs = dead_letters.headers(
        record, service=service, reason=item.reason, message=item.message, attempts=item.attempts
    )
    encoded = json.dumps([[name, base64.b64encode(value).decode()] for name, value in pairs])
    yield None, DEAD_LETTERS, record.key, record.value, encoded
    if item.sender is not None:
        at: datetime = record.timestamp
        follow = refused(source, item.sender, at, item.reference, "unreadable", item.message)
        yield None, follow.topics[0], record.key, encode(follow.raw), None


def _keys(items: Sequence[Incoming]) -> dict[str, list[str]]:
    return {"sources": [item.event.source for item in items], "ids": [item.event.id for item in items]}


def _conflict(item: Incoming) -> Rejected:
    message = "an earlier event with this source and id has another type, subject, time or data"
    reference = (item.event.source, item.event.id)
    return Rejected(item.record, "conflicting-repeat", message, item.sender, reference)
