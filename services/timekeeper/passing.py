"""One transaction of the timekeeper: signals of which a moment has passed, the same core, the same writes.

The record holds what people said; moments are no events and are not in it. They follow from the promises, the
agreements' version and the record, so whoever reads the record again lets the same moments pass, with the same ids.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import SignalId
from services.ledger.book import Book
from services.ledger.intake import Books
from services.ledger.lifecycle import Passed, decide
from services.ledger.unasked import decide_each

# Signals that the ledger or another timekeeper has at hand are skipped: they are found at the next look. So nothing
# waits for a lock, and no deadlock is possible.
_DUE = text("""
    select id from signal where next_moment_at < :before and id <> all(:aside)
    order by next_moment_at, id limit :limit for update skip locked
""").bindparams(bindparam("aside", type_=ARRAY(Uuid())))

_NEXT = text(
    "select min(next_moment_at) from signal where next_moment_at is not null and id <> all(:aside)"
).bindparams(bindparam("aside", type_=ARRAY(Uuid())))


@dataclass(frozen=True, slots=True)
class Turn:
    """What one transaction did: the signals of which moments passed, and the book that it needed."""

    passed: tuple[SignalId, ...]
    book: Book


async def take(
    connection: AsyncConnection, before: datetime, limit: int, aside: Collection[SignalId] = ()
) -> list[SignalId]:
    """Lock signals of which a moment lies before `before`, the earliest first; those of `aside` are left out."""
    rows = await connection.execute(_DUE, {"before": before, "limit": limit, "aside": list(aside)})
    return [SignalId(row.id) for row in rows]


async def let_pass(connection: AsyncConnection, signals: Collection[SignalId], before: datetime, books: Books) -> Turn:
    """Let every moment of these signals, which `take` locked, that lies before `before` happen.

    When one of them was promised something under agreements that the book did not hold, nothing is written: they may
    ask for partitions that `before` did not count.
    """
    passed = await decide_each(connection, signals, books, lambda state, book: decide(state, Passed(), before, book))
    return Turn(passed, books.book)


async def next_due(connection: AsyncConnection, aside: Collection[SignalId] = ()) -> datetime | None:
    """The next moment of any signal, or None."""
    due: datetime | None = await connection.scalar(_NEXT, {"aside": list(aside)})
    return due
