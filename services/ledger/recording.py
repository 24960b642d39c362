"""The record's write: events are appended as they were sent, and sealed, per partition from which they were read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, LargeBinary, Text, Uuid, bindparam, text

from services.ledger.lane import Lane
from services.ledger.positions import Held, Place
from services.ledger.sealing import SealedRow, seal
from services.ledger.writing import Recorded


def _array(name: str, type_: Any) -> Any:
    return bindparam(name, type_=ARRAY(type_))


# `nr` keeps the order in which they were decided: that of the seals, and of whoever folds the record again.
_RECORD = text("""
    with sealed as (
        insert into seal (id, topic, partition, agreements, rows, hash)
        select id, topic, partition, :agreements, rows, hash
        from unnest(:seal_ids, :seal_topics, :seal_partitions, :seal_rows, :seal_hashes)
             as new (id, topic, partition, rows, hash)
    )
    insert into record (topic, partition, "offset", at, source, id, type, signal, sender, refused, body, seal)
    select topic, partition, "offset", at, source, id, type, signal, sender, refused, body, seal
    from unnest(:topics, :partitions, :offsets, :moments, :sources, :ids, :types, :signals, :senders, :refusals,
                :bodies, :seals) with ordinality
         as new (topic, partition, "offset", at, source, id, type, signal, sender, refused, body, seal, nr)
    order by nr
""").bindparams(
    bindparam("agreements", type_=Text),
    _array("seal_ids", BigInteger),
    _array("seal_topics", Text),
    _array("seal_partitions", Integer),
    _array("seal_rows", Integer),
    _array("seal_hashes", LargeBinary),
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
    _array("seals", BigInteger),
)

_COLUMNS = (
    *("topics", "partitions", "offsets", "moments", "sources", "ids", "types"),
    *("signals", "senders", "refusals", "bodies"),
)
"""The columns of the statement in the order of a row's fields."""


async def write_record(
    lane: Lane, decided: Sequence[Recorded], held: Mapping[Place, Held], agreements: str
) -> dict[Place, bytes]:
    """Append the events, with the moment and the topic by which they count; the new head of each partition read.

    `agreements` is the version in force: who folds the record again decides as it was decided now.
    """
    if not decided:
        return {}
    rows = [(_place(entry), _row(entry)) for entry in decided]
    sealed = _sealed(rows, held, agreements)
    await lane.write(
        _RECORD,
        {
            "agreements": agreements,
            "seal_ids": [held[place].seal for place in sealed],
            "seal_topics": [topic for topic, _ in sealed],
            "seal_partitions": [partition for _, partition in sealed],
            "seal_rows": [count for count, _ in sealed.values()],
            "seal_hashes": [hash_ for _, hash_ in sealed.values()],
            **_columns([row for _, row in rows]),
            "seals": [held[place].seal for place, _ in rows],
        },
    )
    return {place: hash_ for place, (_, hash_) in sealed.items()}


def _sealed(
    rows: Iterable[tuple[Place, SealedRow]], held: Mapping[Place, Held], agreements: str
) -> dict[Place, tuple[int, bytes]]:
    """How many rows were read from each partition, and their seal."""
    by_place: dict[Place, list[SealedRow]] = defaultdict(list)
    for place, row in rows:
        by_place[place].append(row)
    return {
        place: (len(own), seal(held[place].head, *place, agreements, own)) for place, own in sorted(by_place.items())
    }


def _place(entry: Recorded) -> Place:
    return entry.item.record.topic, entry.item.record.partition


def _row(entry: Recorded) -> SealedRow:
    item, refusal = entry.item, entry.decision.refusal
    return SealedRow(
        topic=item.origin.topic,
        partition=item.origin.partition,
        offset=item.origin.offset,
        at=item.at,
        source=item.event.source,
        id=item.event.id,
        type=item.event.type,
        signal=entry.signal,
        sender=":".join(item.sender),
        refused=refusal.code if refusal else None,
        body=item.body,
    )


def _columns(rows: Sequence[SealedRow]) -> dict[str, list[Any]]:
    return dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
