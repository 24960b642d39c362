"""What the ledger does unasked, since time went by: one transaction over signals that the caller has locked.

The same core and the same writes as for what people say, without an entry in the record.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import SignalId
from services.ledger import counters, store, writing
from services.ledger.book import Book
from services.ledger.counting import Counts, counted
from services.ledger.intake import Books
from services.ledger.lane import Lane
from services.ledger.letters import OutboxEntry
from services.ledger.lifecycle import Decision
from services.ledger.state import State

Decide = Callable[[State, Book], Decision]


async def decide_each(
    connection: AsyncConnection, signals: Collection[SignalId], books: Books, decide: Decide
) -> tuple[SignalId, ...]:
    """Let `decide` decide on each of these signals, and write that; answers with the signals of which it did.

    None, and nothing is written, when one of them was promised something under agreements that the book did not hold:
    they may ask for partitions that the caller's moment did not count. The book has them now.
    """
    known = books.book
    states = await store.load_states(connection, signals, lock=False)
    book = await books.complete(connection, store.versions(states.values()))
    if book.versions.keys() != known.versions.keys():
        return ()
    decided = {id_: decide(states[id_], book) for id_ in signals}
    after = [decision.state for decision in decided.values() if decision.state is not None]
    async with Lane(connection) as lane:
        await store.save_states(lane, states, after)
        await writing.write_outbox(lane, _follows(decided))
        await counters.add(lane, _counts(states, decided))
    return tuple(signals)


def _follows(decided: Mapping[SignalId, Decision]) -> Iterator[OutboxEntry]:
    for id_, decision in decided.items():
        yield from writing.follows_of(id_, str(id_), decision)


def _counts(states: Mapping[SignalId, State], decided: Mapping[SignalId, Decision]) -> Counts:
    counts = Counts()
    for id_, decision in decided.items():
        counts.update(counted(states[id_], decision.state, decision.follows, said=False))
    return counts
