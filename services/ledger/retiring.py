"""Finding what retired departments leave open, and handing it over: one transaction of the timekeeper.

In each turn, once it knows the moment `before` until which the ledger has read everything, the timekeeper calls in one
transaction `take_retired` and, with what that locked, `hand_over_retired`; until nothing is found. Any number of
timekeepers may do so side by side: what one has at hand the others skip, and what is handed over is not found again.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import SignalId
from services.agreements.model import Agreements
from services.ledger import passages
from services.ledger.book import Book
from services.ledger.intake import Books
from services.ledger.lifecycle import Decision
from services.ledger.state import State
from services.ledger.succession import retire
from services.ledger.unasked import decide_each

# The index `assignment_open` begins with the department, so this costs what is left to hand over and no more.
_LEFT = text("""
    select id from signal
    where id in (
        select signal from assignment
        where department = any(:departments) and state in ('waiting', 'acknowledged')
    ) and id <> all(:aside)
    order by id limit :limit for update skip locked
""").bindparams(bindparam("departments", type_=ARRAY(Text)), bindparam("aside", type_=ARRAY(Uuid())))


def retired(agreements: Agreements, at: datetime) -> list[str]:
    """The codes of the departments that get no new work at `at`."""
    return [code for code in agreements.departments if agreements.is_retired(code, at)]


async def take_retired(
    connection: AsyncConnection, before: datetime, limit: int, agreements: Agreements, aside: Collection[SignalId] = ()
) -> list[SignalId]:
    """Lock signals with an open assignment of a department that is retired at `before`; those of `aside` are left out.

    Signals that somebody else has at hand are skipped, so nothing waits; the database is not asked when no code is
    retired.
    """
    departments = retired(agreements, before)
    if not departments:
        return []
    rows = await connection.execute(_LEFT, {"departments": departments, "limit": limit, "aside": list(aside)})
    return [SignalId(row.id) for row in rows]


async def hand_over_retired(
    connection: AsyncConnection, signals: Collection[SignalId], before: datetime, books: Books
) -> tuple[SignalId, ...]:
    """Hand over, at `before`, what retired departments left open of these signals, which `take_retired` locked.

    Answers with the signals of which it did. None, and nothing is written, when one of them was promised something
    under agreements that the book did not hold: they may ask for partitions that `before` did not count. The book has
    them now.
    """
    handed_over: list[SignalId] = []

    def decide(state: State, book: Book) -> Decision:
        decision = retire(state, before, book)
        if decision.follows:
            handed_over.append(state.signal.id)
        return decision

    # A signal that another timekeeper handed over between our look and our lock was found by the look: of it there is
    # nothing left to do.
    await decide_each(connection, signals, books, decide)
    await passages.note_retired(connection, handed_over, before, books.book.current.version)
    return tuple(handed_over)
