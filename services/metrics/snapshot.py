"""One look at the ledger: what is open now, and what was counted; set-based, read-only, all of one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, DateTime, Row, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.signals import CANARY
from services.ledger.counting import BOUNDS

LONGEST = 20

Rows = Sequence[Row[Any]]

_MOMENT = DateTime(timezone=True)

# `edges` are the moments at which what waits is as old as each bound, the oldest first: of exactly a bound is within
# it. The index `assignment_open` holds what is open and nothing else.
_ASSIGNMENTS = text(f"""
    select department, kind, state,
        cardinality(:edges) - width_bucket(waiting_since, :edges) as bucket,
        count(*) as open,
        min(waiting_since) as oldest,
        sum(extract(epoch from greatest(:now - waiting_since, interval '0'))) as age,
        count(*) filter (where state = 'waiting' and acknowledge_by < :now) as acknowledge_overdue,
        min(acknowledge_by) filter (where state = 'waiting' and acknowledge_by >= :now) as acknowledge_next,
        count(*) filter (where resolve_first < :now) as resolve_overdue,
        min(case when resolve_first >= :now then resolve_first when resolve_by >= :now then resolve_by end)
            as resolve_next
    from assignment where state in ('waiting', 'acknowledged') and kind <> '{CANARY}'
    group by 1, 2, 3, 4
""").bindparams(bindparam("now", type_=_MOMENT), bindparam("edges", type_=ARRAY(_MOMENT)))  # noqa: S608 - a constant

# The team's stage, under each department whose work it judges.
_ASKED = text(f"""
    select assignment.department,
        count(*) filter (where signal.confirm_by < :now) as overdue,
        min(signal.confirm_by) filter (where signal.confirm_by >= :now) as next
    from signal join assignment on assignment.signal = signal.id
    where signal.state = 'resolved' and assignment.state = 'resolved' and signal.kind <> '{CANARY}'
    group by assignment.department
""").bindparams(bindparam("now", type_=_MOMENT))  # noqa: S608 - as above

_SIGNALS = text(f"""
    select kind, state, count(*) as open from signal where state <> 'closed' and kind <> '{CANARY}' group by kind, state
""")  # noqa: S608 - as above

_LONGEST = text(f"""
    select id, department, kind, state, waiting_since from assignment
    where state in ('waiting', 'acknowledged') and kind <> '{CANARY}' order by waiting_since, id limit :limit
""")  # noqa: S608 - as above

# From the signal's receipt to that of the word that closed it, both by the broker: one clock. By way of the index on
# an assignment's department: the ledger keeps the rounds of the last hour only.
_CANARY = text(f"""
    select signal.closed_at as at, signal.closed_at - signal.waiting_since as took
    from assignment join signal on signal.id = assignment.signal
    where assignment.department = '{CANARY}' and signal.how = 'confirmed' order by signal.closed_at desc limit 1
""")  # noqa: S608 - as above

_COUNTERS = text("select name, labels, value from counter")
_OUTBOX = text("select count(*) as rows, min(written_at) as oldest from outbox")
_DEAD_LETTERS = text(
    "select topic, reason, count(*) as open from dead_letter where state = 'open' group by topic, reason"
)
_READING = text("select topic, partition, read_until from reading")
_SIZE = text("select pg_database_size(current_database())")
_VERSIONS = text("select version from agreements")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the ledger held at one moment."""

    at: datetime
    assignments: Rows
    """Open ones by department, kind, state and bucket of age (0: the first)."""
    asked: Rows
    signals: Rows
    longest: Rows
    counters: Rows
    outbox_rows: int
    outbox_oldest: datetime | None
    dead_letters: Rows
    """Those that are open, by the topic where each was first received, and reason."""
    reading: Rows
    canary: Row[Any] | None
    """When the canary last came round (`at`), and how long it took (`took`); None before the first time."""
    database_bytes: int
    versions: frozenset[str]
    """Of the agreements, as far back as the ledger goes."""


async def take(connection: AsyncConnection, now: datetime) -> Snapshot:
    """Look at the ledger; `now` (aware UTC) says what is overdue. Wants a transaction that sees one moment."""
    edges = sorted(now - timedelta(seconds=bound) for bound in BOUNDS)
    outbox = (await connection.execute(_OUTBOX)).one()
    return Snapshot(
        at=now,
        assignments=await _rows(connection, _ASSIGNMENTS, now=now, edges=edges),
        asked=await _rows(connection, _ASKED, now=now),
        signals=await _rows(connection, _SIGNALS),
        longest=await _rows(connection, _LONGEST, limit=LONGEST),
        counters=await _rows(connection, _COUNTERS),
        outbox_rows=outbox.rows,
        outbox_oldest=outbox.oldest,
        dead_letters=await _rows(connection, _DEAD_LETTERS),
        reading=await _rows(connection, _READING),
        canary=(await connection.execute(_CANARY)).first(),
        database_bytes=(await connection.execute(_SIZE)).scalar_one(),
        versions=frozenset(row.version for row in await _rows(connection, _VERSIONS)),
    )


async def _rows(connection: AsyncConnection, query: TextClause, **values: Any) -> Rows:
    return (await connection.execute(query, values)).all()
