"""Walks the record from its first seal to its last, and says where it was changed. Reads only, in one moment's view.

A seal that does not fit means that its rows, their order, or a seal before it were changed, added or removed. Against
someone who makes every later seal anew only a head that was written down elsewhere helps: `earlier`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.sealing import FIRST, SealedRow, seal

CHUNK, CHUNK_ROWS = 1000, 5000
"""Seals that are looked at together, and of how many events: what one batch of an outage's backlog holds is large."""
BREAKS_MAX = 20
"""So many are told one by one; the first is what matters."""

Place = tuple[str, int]

_BOUNDS = text("""
    select least(min(id), (select min(seal) from record)) as first,
           greatest(max(id), (select max(seal) from record)) as last
    from seal
""")
_SEALS = text("""
    select id, topic, partition, agreements, rows, hash from seal where id >= :first order by id limit :most
""")
_ROWS = text("""
    select seal, topic, partition, "offset", at, source, id, type, signal, sender, refused, body
    from record where seal >= :first and seal < :last order by seal, seq
""")
_HEADS = text("select topic, partition, head from reading where head is not null order by topic, partition")
_ONE = text("select hash from seal where id = :id and topic = :topic and partition = :partition")


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain of a partition does not fit."""

    topic: str
    partition: int
    seal: int
    what: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal of a partition: write it down elsewhere, and later nobody can change what was before it."""

    seal: int
    hash: bytes


@dataclass(slots=True)
class Verified:
    """What the walk found; `breaks` in the order of the seals, the first ones only, `broken` how many in all."""

    rows: int = 0
    seals: int = 0
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)
    heads: dict[Place, Head] = field(default_factory=dict)

    def found(self, place: Place, seal_id: int, what: str) -> None:
        """Note one break."""
        self.broken += 1
        if len(self.breaks) < BREAKS_MAX:
            self.breaks.append(Break(*place, seal_id, what))


async def span(connection: AsyncConnection) -> tuple[int, int]:
    """The number of the first seal, and the one after the last; equal when there is none."""
    first, last = (await connection.execute(_BOUNDS)).one()
    return (0, 0) if first is None else (first, last + 1)


async def verify(
    connection: AsyncConnection,
    earlier: Mapping[Place, Head],
    progress: Callable[[int], None] = lambda _more: None,
) -> Verified:
    """Walk every seal and every row; `earlier` are heads that were noted before. Wants a view of one moment.

    `progress` is told how many more numbers of seals were looked at; `span` says how many there are.
    """
    verified = Verified()
    first, last = await span(connection)
    while first < last:
        found = (await connection.execute(_SEALS, {"first": first, "most": CHUNK})).all()
        seals, end = _together(found, last)
        rows = (await connection.execute(_ROWS, {"first": first, "last": end})).all()
        _walk(verified, seals, {key: list(group) for key, group in groupby(rows, attrgetter("seal"))})
        progress(end - first)
        first = end
    await _compare_heads(connection, verified)
    await _compare_earlier(connection, verified, earlier)
    return verified


def _together(seals: Sequence[Row[Any]], last: int) -> tuple[Sequence[Row[Any]], int]:
    """The first of these, at least one, and the number before which what they hold ends."""
    count = 0
    for place, sealed in enumerate(seals):
        count += sealed.rows
        if place and count > CHUNK_ROWS:
            return seals[:place], sealed.id
    return seals, seals[-1].id + 1 if len(seals) == CHUNK else last


def _walk(verified: Verified, seals: Sequence[Row[Any]], rows: dict[int, list[Row[Any]]]) -> None:
    known = {sealed.id: sealed for sealed in seals}
    for number in sorted(known.keys() | rows.keys()):
        sealed, own = known.get(number), rows.get(number, [])
        verified.rows += len(own)
        if sealed is None:
            place = own[0].topic, own[0].partition
            verified.found(place, number, f"{len(own)} events name a seal that is not there")
        else:
            verified.seals += 1
            _check(verified, sealed, [SealedRow(*tuple(row)[1:]) for row in own])


def _check(verified: Verified, sealed: Row[Any], found: Sequence[SealedRow]) -> None:
    place = sealed.topic, sealed.partition
    before = verified.heads[place].hash if place in verified.heads else FIRST
    stored = bytes(sealed.hash)
    if len(found) != sealed.rows:
        verified.found(place, sealed.id, f"{sealed.rows} events were sealed here and {len(found)} are found")
    elif seal(before, *place, sealed.agreements, found) != stored:
        what = "an event, the order of events, this seal or the one before it was changed or removed"
        verified.found(place, sealed.id, what)
    verified.heads[place] = Head(sealed.id, stored)


async def _compare_heads(connection: AsyncConnection, verified: Verified) -> None:
    """The ledger notes its last seal of each partition with the offsets: seals cut off at the end are missed there."""
    for topic, partition, head in (await connection.execute(_HEADS)).all():
        found = verified.heads.get((topic, partition))
        if found is None or found.hash != bytes(head):
            what = "the last seal is not the one that the ledger noted: the end of the record was changed or removed"
            verified.found((topic, partition), found.seal if found else 0, what)


async def _compare_earlier(connection: AsyncConnection, verified: Verified, earlier: Mapping[Place, Head]) -> None:
    for (topic, partition), head in earlier.items():
        values = {"id": head.seal, "topic": topic, "partition": partition}
        stored = (await connection.execute(_ONE, values)).scalar_one_or_none()
        if stored is None or bytes(stored) != head.hash:
            verified.found((topic, partition), head.seal, "the seal that was noted earlier is gone or another one")
