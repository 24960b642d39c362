"""How far time had passed for a signal, where neither its promises nor the record can tell.

A moment that passed is no entry in the record: it follows from what was promised and from what was said after it. Two
things do not follow, and are noted here in the transaction in which they happen, or the record could not be folded
again to the same state (`fold.py`):

- an answer that counts as of an earlier moment than what had passed already: a dead letter that was mended, or one of
  a broker whose clock stepped back. What was decided meanwhile stays decided, so its fold must let that pass first;
- what the loop handed over for a retired department: when it came to it, and by which agreements.

The table only grows, as the record does. It is not sealed: it holds no word of anybody, and a row that was changed
shows in the comparison of the fold with the live tables.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import SignalId
from services.ledger.lane import Lane
from services.ledger.passing import next_moment
from services.ledger.state import State


@dataclass(frozen=True, slots=True)
class Late:
    """An event that counts as of a moment after which something of its signal has happened already."""

    signal: SignalId
    source: str
    id: str
    until: datetime | None
    """Every moment before this one had passed; None: all that were to come."""


def _array(name: str, type_: Any) -> Any:
    return bindparam(name, type_=ARRAY(type_))


_LATE = text("""
    insert into passage (signal, after, until)
    select record.signal, record.seq - 1, late.until
    from unnest(:signals, :sources, :ids, :untils) as late (signal, source, id, until)
    join record on record.signal = late.signal and record.source = late.source and record.id = late.id
    order by record.seq
""").bindparams(
    _array("signals", Uuid()), _array("sources", Text), _array("ids", Text), _array("untils", DateTime(timezone=True))
)

_RETIRED = text("""
    insert into passage (signal, after, until, agreements)
    select id, coalesce((select max(seq) from record where record.signal = retired.id), 0), :until, :agreements
    from unnest(:signals) as retired (id)
    order by id
""").bindparams(_array("signals", Uuid()), bindparam("until", type_=DateTime(timezone=True)))


def late(state: State, source: str, id_: str, at: datetime) -> Late | None:
    """What is to be noted of an event that is about to be decided on `state` as of `at`; None: nothing."""
    if state.signal.last_at < at and all(assignment.last_at < at for assignment in state.assignments.values()):
        return None
    return Late(state.signal.id, source, id_, next_moment(state))


async def note_late(connection: AsyncConnection | Lane, found: Sequence[Late]) -> None:
    """Note these, whose events this transaction has recorded."""
    if found:
        values = {
            "signals": [one.signal for one in found],
            "sources": [one.source for one in found],
            "ids": [one.id for one in found],
            "untils": [one.until for one in found],
        }
        await connection.execute(_LATE, values)


async def note_retired(
    connection: AsyncConnection, signals: Collection[SignalId], until: datetime, agreements: str
) -> None:
    """Note that what retired departments left open of these locked signals was handed over at `until`."""
    if signals:
        values = {"signals": sorted(signals), "until": until, "agreements": agreements}
        await connection.execute(_RETIRED, values)
