"""The batch transaction: record the events, lock their signals, decide, write the state, the offsets and what follows.

Everything is one PostgreSQL transaction. A crash before its commit leaves nothing; a crash after it is a repeat, which
the offsets in `reading` or the identities drop. A zombie's batch fails on the owner of its partitions (design 2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.answers import is_of_department
from events.faults import Reason
from events.identifiers import AssignmentId, SignalId
from events.signals import is_report
from services.agreements.topics import inputs
from services.ledger import canaries, counters, keeping, passages, positions, recording, store, writing
from services.ledger.book import Book
from services.ledger.counting import Counts, count, dead_lettered
from services.ledger.lane import Lane
from services.ledger.letters import Letter, letter_of
from services.ledger.lifecycle import Decision, Said, decide, refuse_unknown, subject_of
from services.ledger.marks import Marks
from services.ledger.passages import Late
from services.ledger.positions import Held, Place
from services.ledger.reading import Incoming, Rejected, set_apart
from services.ledger.reading_ahead import ReadingAhead
from services.ledger.state import State
from services.ledger.writing import Recorded
from services.runtime.database import transient_errors
from services.runtime.errors import PermanentError
from services.runtime.isolation import Apart
from services.runtime.records import Record

DECIDED_AT_ONCE = 125
"""So many events are decided before their states are sent: PostgreSQL takes these in while the next are decided."""


class Books(Protocol):
    """Where the agreements come from."""

    book: Book

    async def complete(self, connection: AsyncConnection, versions: Iterable[str]) -> Book:
        """The book, read again when it lacks one of `versions`."""
        ...


@dataclass(slots=True)
class Batch:
    """What one batch does to the ledger."""

    rejected: list[Rejected]
    states: dict[SignalId, State]
    signals: dict[AssignmentId, SignalId]
    decided: list[Recorded] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    late: list[Late] = field(default_factory=list)


@dataclass(slots=True)
class Intake:
    """Takes batches of records into the ledger."""

    engine: AsyncEngine
    books: Books
    owner: str = ""
    service: str = "ledger"
    marks: Marks = field(default_factory=Marks)
    reading: ReadingAhead = field(default_factory=ReadingAhead)

    async def work(self, records: Sequence[Record]) -> None:
        """Take in a batch; raises `TransientError` (nothing happened) or `PermanentError` (a record is bad)."""
        read = await self.reading.read(records, self.books.book.current)
        await self._take_in(
            [item for item in read if isinstance(item, Incoming)],
            [item for item in read if isinstance(item, Rejected)],
            records,
        )

    async def work_without(self, records: Sequence[Record], apart: Sequence[Apart]) -> None:
        """Take in a batch, and make dead letters of the records in it that are set apart, in one transaction."""
        places = {bad.record.place for bad in apart}
        rest = [record for record in records if record.place not in places]
        read = await self.reading.read(rest, self.books.book.current)
        await self._take_in(
            [item for item in read if isinstance(item, Incoming)],
            [item for item in read if isinstance(item, Rejected)] + [_set_apart(*bad) for bad in apart],
            records,
        )

    def ahead(self, records: Sequence[Record]) -> None:
        """Read the batch that is to be worked next, while this one is; `work` gets the very same."""
        self.reading.begin(records, self.books.book.current)

    async def reject(self, record: Record, error: PermanentError, attempts: int) -> None:
        """Make a dead letter of a record that the database refuses or on which the work keeps failing."""
        await self._take_in([], [_set_apart(record, error, attempts)], [record])

    async def _take_in(self, incoming: list[Incoming], rejected: list[Rejected], records: Sequence[Record]) -> None:
        async with transient_errors(), self.engine.begin() as connection, Lane(connection) as lane:
            held = await positions.hold(connection, records, self.owner)
            self.marks.check({place: row.next_offset for place, row in held.items()})
            fresh = [item for item in incoming if _unread(item.record, held)]
            unread = [item for item in rejected if _unread(item.record, held)]
            own, peoples = canaries.told_apart(in_order(fresh))
            new, conflicting = await writing.record_identities(lane, peoples)
            new += own
            batch = await self._load(lane, new, [*unread, *conflicting])
            book = await self.books.complete(connection, store.versions(batch.states.values()))
            for start in range(0, len(new), DECIDED_AT_ONCE):
                before = dict(batch.states)
                for item in new[start : start + DECIDED_AT_ONCE]:
                    decide_one(batch, item, book)
                await store.save_states(lane, before, batch.states.values())
            said = [entry for entry in batch.decided if not canaries.is_own(entry.item)]
            heads = await recording.write_record(lane, said, held, book.current.version)
            await passages.note_late(lane, batch.late)
            letters = self._letters(batch, book)
            await writing.write_outbox(lane, writing.follows(batch.decided, letters, book.current.source))
            await keeping.keep(lane, letters)
            await canaries.forget(lane, batch.decided)
            await positions.advance(lane, records, heads)
            await counters.add(lane, batch.counts)
        self.marks.note_done(records)

    async def _load(self, lane: Lane, incoming: list[Incoming], rejected: list[Rejected]) -> Batch:
        answered: set[AssignmentId] = set()
        named: set[SignalId] = set()
        for event in (item.event for item in incoming):
            if is_of_department(event.data):
                answered.add(AssignmentId(event.data.assignment))
            else:
                named.add(SignalId(subject_of(event)))
        signals = await store.signals_of(lane, answered)
        wanted = named | set(signals.values())
        states = await store.load_states(lane, wanted, lock=True)
        return Batch(rejected, states, signals)

    def _letters(self, batch: Batch, book: Book) -> list[Letter]:
        """The dead letters of a batch, counted by the topic where each was first received."""
        known = set(inputs(book.current)) if batch.rejected else set()
        letters = [letter_of(item, self.service, known) for item in batch.rejected]
        batch.counts.update(dead_lettered(letter.place.topic, letter.item.reason) for letter in letters)
        return letters


def decide_one(batch: Batch, item: Incoming, book: Book) -> None:
    """Let the core decide one event on the state that the batch has so far."""
    said = Said(item.event, item.sender)
    subject = subject_of(item.event)
    of_department = is_of_department(item.event.data)
    signal = batch.signals.get(AssignmentId(subject)) if of_department else SignalId(subject)
    state = batch.states.get(signal) if signal else None
    if state is not None and (late := passages.late(state, item.event.source, item.event.id, item.at)):
        batch.late.append(late)
    decision: Decision = decide(state, said, item.at, book) if signal else refuse_unknown(said, item.at, book)
    count(batch.counts, state, decision.state, decision.follows)
    if decision.state is not None and signal is not None:
        batch.states[signal] = decision.state
        batch.signals.update(dict.fromkeys(decision.state.assignments, signal))
    batch.decided.append(Recorded(item, signal if decision.state else None, decision))


def in_order(incoming: Iterable[Incoming]) -> list[Incoming]:
    """The batch: first what teams report, then the answers by the moment of each record, each partition in its order.

    Leaders' clocks differ, and anyone can compute an id: an answer may bear an earlier moment than its signal. They
    may also step back, so a record counts as no earlier than the one before it in its partition.
    """
    latest: dict[tuple[str, int], datetime] = {}
    keyed = []
    for item in incoming:
        place = (item.record.topic, item.record.partition)
        latest[place] = max(item.record.timestamp, latest.get(place, item.record.timestamp))
        keyed.append((not is_report(item.event.data), latest[place], item))
    return [item for _, _, item in sorted(keyed, key=itemgetter(0, 1))]


def _set_apart(record: Record, error: PermanentError, attempts: int) -> Rejected:
    reason: Reason = "refused-by-database" if error.reason == "refused-by-database" else "unworkable"
    return set_apart(record, reason, error.message, attempts)


def _unread(record: Record, held: dict[Place, Held]) -> bool:
    return record.offset >= held[record.topic, record.partition].next_offset
