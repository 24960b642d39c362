"""The set-based writes of the batch transaction beside the record: identities and the outbox."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Text, Uuid, bindparam, text

from events.envelope import encode
from events.identifiers import SignalId
from services.ledger import identities
from services.ledger.lane import Lane
from services.ledger.letters import Letter, OutboxEntry, entries
from services.ledger.lifecycle import Decision, subject_of
from services.ledger.reading import Incoming, Rejected, topic_sender

CHUNK_BYTES = 8 * 1024 * 1024
"""Of the outbox in one statement."""

Entries = Iterator[OutboxEntry]


class Recorded(NamedTuple):
    """An event that enters the record, with what was decided."""

    item: Incoming
    signal: SignalId | None
    decision: Decision


def _array(name: str, type_: Any) -> Any:
    return bindparam(name, type_=ARRAY(type_))


# The relay is woken at the commit, once, however often it is said.
_OUTBOX = text("""
    with written as (
        insert into outbox (signal, topic, key, value, headers)
        select signal, topic, key, value, cast(headers as json)
        from unnest(:signals, :topics, :keys, :values, :headers) with ordinality
             as new (signal, topic, key, value, headers, nr)
        order by nr
    )
    select pg_notify('outbox_' || current_schema(), '')
""").bindparams(
    _array("signals", Uuid()),
    _array("topics", Text),
    _array("keys", LargeBinary),
    _array("values", LargeBinary),
    _array("headers", Text),
)


async def record_identities(lane: Lane, incoming: Sequence[Incoming]) -> tuple[list[Incoming], list[Rejected]]:
    """The events that are new, and those that repeat an earlier one with other content; plain repeats fall away."""
    keys = [identities.key_of(item.event.source, item.event.id) for item in incoming]
    first: dict[UUID, Incoming] = {}
    for key, item in zip(keys, incoming, strict=True):
        first.setdefault(key, item)
    if not first:
        return [], []
    values = {"keys": list(first), "digests": [item.digest for item in first.values()]}
    inserted = set((await lane.execute(identities.ADD, values)).scalars())
    known = {key: item.digest for key, item in first.items() if key in inserted}
    known |= await identities.digests(lane, first.keys() - inserted)
    new = [item for key, item in first.items() if key in inserted]
    conflicting = [item for key, item in zip(keys, incoming, strict=True) if known[key] != item.digest]
    return new, [_conflict(item) for item in conflicting]


async def write_outbox(lane: Lane, entries: Iterable[OutboxEntry]) -> None:
    """Put `entries` into the outbox, in order, and wake the relay at the commit."""
    for chunk in _chunks(entries):
        signals, topics, keys, values, headers = zip(*chunk, strict=True)
        columns = {"signals": signals, "topics": topics, "keys": keys, "values": values, "headers": headers}
        await lane.write(_OUTBOX, {name: list(column) for name, column in columns.items()})


def follows(recorded: Iterable[Recorded], letters: Iterable[Letter], source: str) -> Entries:
    """What is to be published because of a batch: what was decided, then its dead letters."""
    for entry in recorded:
        key = str(entry.signal or subject_of(entry.item.event))
        yield from follows_of(entry.signal, key, entry.decision)
    for letter in letters:
        yield from entries(letter, source)


def follows_of(signal: SignalId | None, key: str, decision: Decision) -> Entries:
    """What is to be published because of one decision, whether an event or a moment led to it."""
    for follow in decision.follows:
        value = encode(follow.raw)
        for topic in follow.topics:
            yield signal, topic, key.encode(), value, None


def _chunks(entries: Iterable[OutboxEntry]) -> Iterator[list[OutboxEntry]]:
    """The entries in parts of bounded size: a report goes whole to each of its departments, and twice to the team."""
    chunk: list[OutboxEntry] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        size += len(entry[3] or b"") + len(entry[4] or "")
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _conflict(item: Incoming) -> Rejected:
    message = "an earlier event with this source and id has another type, subject, time or data"
    reference = (item.event.source, item.event.id)
    return Rejected(item.record, "conflicting-repeat", message, topic_sender(item.origin.topic), reference)
