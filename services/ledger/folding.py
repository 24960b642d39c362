"""The record folded again, in the database: the state of every signal and the counters, beside the live ones.

How far time has passed for a signal is its own live row's word: every moment before its `next_moment_at` has, and no
later than the latest moment until which anything was read. Whether the timekeeper has come to a moment yet is no
question of right or wrong, for it tells what is due whenever it comes; that nothing passed before it was read, and
nothing besides, is. A signal that has no live row is folded as far as its own events force: the timekeeper does the
rest, and tells anew, with the same ids, what may have been told before.

Counters follow from the record, save those of dead letters: these follow from the table `dead_letter`, and what was
counted before there was one stays counted. What a canary does is in no record and no counter.

Memory holds `CHUNK` signals with all that was said of them, the agreements, and the words to unknown signals that are
still to be published; all else is in the database.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.faults import Unreadable
from services.ledger import counters, store
from services.ledger.counting import Counts
from services.ledger.differing import Comparison, Difference, Differences
from services.ledger.fold import FAR, Entry, Folded, Passage, Told, fold_signal, fold_unknown
from services.ledger.known import digests
from services.ledger.lane import Lane
from services.ledger.state import State
from services.ledger.versions import Versions, read_versions
from services.runtime.database import transient_errors

CHUNK = 200
"""Signals that are folded together."""
ROWS = 1000
"""Answers to nothing that are looked at together."""
TABLES = ("signal", "assignment", "counter")
"""What follows from the record."""

Progress = Callable[[int], None]
_FIRST = UUID(int=0)


@dataclass(slots=True)
class Result:
    """What was folded, and where the live tables are not like it."""

    events: int = 0
    signals: int = 0
    assignments: int = 0
    differences: Differences = field(default_factory=Differences)


async def differences(engine: AsyncEngine, progress: Progress = lambda _more: None) -> list[Difference]:
    """Where the live tables are not what follows from the record, the first `differing.KEPT_MAX`; changes nothing."""
    return (await compare(engine, progress)).differences.kept


async def compare(engine: AsyncEngine, progress: Progress = lambda _more: None) -> Result:
    """Fold into temporary tables, in one moment's view, and compare; the services may run on meanwhile."""
    async with transient_errors(), engine.connect() as pooled:
        connection = await pooled.execution_options(isolation_level="REPEATABLE READ")
        try:
            return await fold_beside(connection, await temporary(connection), progress)
        finally:
            await connection.rollback()


async def temporary(connection: AsyncConnection) -> str:
    """Empty tables that end with the transaction; unqualified names mean them from now on. Their schema."""
    for table in TABLES:
        await connection.execute(
            text(f"create temporary table {table} (like {table} including defaults including generated) on commit drop")
        )
    live = await connection.scalar(_LIVE)
    for statement in (
        # Said in full: by the path as it stands, a statement that this session has prepared before would go on to mean
        # the live table.
        f"set local search_path to pg_temp, {live}, public",
        "alter table pg_temp.signal add primary key (id)",
        "alter table pg_temp.assignment add primary key (id)",
        "create index on pg_temp.assignment (signal)",
        "alter table pg_temp.counter add primary key (name, labels)",
    ):
        await connection.execute(text(statement))
    return "pg_temp"


async def events_of(connection: AsyncConnection) -> int:
    """How many events the record holds, for a progress bar."""
    return int(await connection.scalar(text("select count(*) from record")) or 0)


async def fold_beside(
    connection: AsyncConnection, target: str, progress: Progress, passed: datetime | None = None
) -> Result:
    """Fold the whole record into the empty tables of `target`, and compare; wants a view of one moment.

    For a signal that has no live row every moment before `passed` passes.

    Unqualified names of `TABLES` must mean those of `target` (quoted), and all others those of `current_schema()`'s.
    """
    await connection.execute(text("set local statement_timeout = 0"))
    await connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
    live = await connection.scalar(_LIVE)
    folding = _Folding(connection, await read_versions(connection), live, target, progress, passed)
    await folding.run()
    return folding.result


class _Folding:
    def __init__(
        self,
        connection: AsyncConnection,
        versions: Versions,
        live: str,
        target: str,
        progress: Progress,
        passed: datetime | None,
    ) -> None:
        self._connection = connection
        self._versions = versions
        self._live = live
        self._target = target
        self._progress = progress
        self._passed = passed
        self._comparison = Comparison(connection, live, target)
        self._counts = Counts()
        self.result = Result(differences=self._comparison.found)

    async def run(self) -> None:
        await self._comparison.prepare()
        latest = await self._connection.scalar(_LATEST)
        after = _FIRST
        while ids := (await self._connection.scalars(_SIGNALS, {"after": after, "limit": CHUNK})).all():
            after = ids[-1]
            await self._chunk(list(ids), latest)
        told = await self._unknown()
        await counters.add(self._connection, self._counts)
        await self._connection.execute(text(_dead_letters(self._live, self._target)))
        await self._comparison.rest(told)

    async def _chunk(self, ids: list[UUID], latest: datetime | None) -> None:
        entries = await self._entries(ids)
        passages = await self._passages(ids)
        frontiers = await self._frontiers(ids, latest)
        folded: dict[UUID, Folded] = {}
        for id_ in ids:
            one = self._fold(entries[id_], passages[id_], frontiers.get(id_, self._passed))
            if one is not None and one.state is not None:
                folded[id_] = one
        states: list[State] = [one.state for one in folded.values() if one.state is not None]
        async with Lane(self._connection) as lane:
            await store.save_states(lane, {}, states)
        await self._identities([entry for id_ in ids for entry in entries[id_]])
        await self._comparison.signals(list(folded), {id_: one.told for id_, one in folded.items()})
        self._count(folded, sum(map(len, entries.values())))

    def _count(self, folded: Mapping[UUID, Folded], events: int) -> None:
        for one in folded.values():
            self._counts.update(one.counts)
            self.result.assignments += len(one.state.assignments) if one.state else 0
        self.result.signals += len(folded)
        self.result.events += events
        self._progress(events)

    def _fold(self, entries: list[Entry], passages: list[Passage], until: datetime | None) -> Folded | None:
        try:
            folded = fold_signal(entries, passages, self._versions.known, until)
        except Unreadable as error:
            self._record(entries[0].seq, "body", f"this version cannot read it: {error}", None)
            return None
        if folded.state is None:  # a canary's, of which the record has only what others say
            return None
        for entry in entries:
            if entry.seq in folded.refused:
                self._record(entry.seq, "refused", entry.refused, folded.refused[entry.seq])
        return folded

    def _record(self, seq: int, name: str, live: object, folded: object) -> None:
        self._comparison.found.add(Difference("record", str(seq), name, live, folded))

    async def _identities(self, entries: list[Entry]) -> None:
        """Whether what drops repeats knows each event, as the event that it is."""
        known = await digests(self._connection, [(entry.source, entry.id) for entry in entries])
        for entry in entries:
            found, digest = known.get((entry.source, entry.id)), entry.digest()
            if found != digest:
                live = found.hex() if found else None
                self._comparison.found.add(
                    Difference("identity", f"{entry.source} {entry.id}", "digest", live, digest.hex())
                )

    async def _unknown(self) -> Told:
        """Answers to signals and assignments that were unknown: refused, and of no effect."""
        told: Told = {}
        place = {"at": datetime.min.replace(tzinfo=FAR.tzinfo), "seq": 0, "limit": ROWS}
        while rows := (await self._connection.execute(_OF_NONE, place)).all():
            place |= {"at": rows[-1].at, "seq": rows[-1].seq}
            entries = [self._versions.entry(row) for row in rows]
            await self._identities(entries)
            for entry in entries:
                code, words = fold_unknown(entry, self._versions.known)
                told |= words
                if code != entry.refused:
                    self._record(entry.seq, "refused", entry.refused, code)
            self.result.events += len(rows)
            self._progress(len(rows))
        return told

    async def _entries(self, ids: list[UUID]) -> dict[UUID, list[Entry]]:
        found: dict[UUID, list[Entry]] = defaultdict(list)
        for row in await self._connection.execute(_ENTRIES, {"ids": ids}):
            found[row.signal].append(self._versions.entry(row))
        return found

    async def _passages(self, ids: list[UUID]) -> dict[UUID, list[Passage]]:
        found: dict[UUID, list[Passage]] = defaultdict(list)
        for row in await self._connection.execute(_PASSAGES, {"ids": ids}):
            if row.agreements is not None:
                self._versions.require(row.agreements)
            found[row.signal].append(Passage(row.nr, row.after, row.until, row.agreements))
        return found

    async def _frontiers(self, ids: list[UUID], latest: datetime | None) -> dict[UUID, datetime]:
        if latest is None:
            return {}
        statement = text(f"select id, next_moment_at from {self._live}.signal where id = any(:ids)").bindparams(_IDS)  # noqa: S608 - a quoted name
        rows = await self._connection.execute(statement, {"ids": ids})
        return {row.id: min(row.next_moment_at or FAR, latest) for row in rows}


def _dead_letters(live: str, target: str) -> str:
    return f"""
        insert into {target}.counter (name, labels, value)
        select 'dead_letters', labels, max(value) from (
            select topic || '|' || reason as labels, count(*) as value from dead_letter group by 1
            union all
            select labels, value from {live}.counter where name = 'dead_letters'
        ) counted group by labels
    """  # noqa: S608 - quoted names


_IDS = bindparam("ids", type_=ARRAY(Uuid()))
_LIVE = text("select relnamespace::regnamespace::text from pg_class where oid = 'record'::regclass")
_LATEST = text("select max(read_until) from reading")
_SIGNALS = text("select distinct signal from record where signal > :after order by signal limit :limit").bindparams(
    bindparam("after", type_=Uuid())
)
_ROW = "record.signal, seq, at, source, record.id, sender, refused, body, seal.agreements"
_ENTRIES = text(f"""
    select {_ROW} from record left join seal on seal.id = record.seal
    where record.signal = any(:ids) order by record.signal, seq
""").bindparams(_IDS)  # noqa: S608 - a constant of this file, here and below
_OF_NONE = text(f"""
    select {_ROW} from record left join seal on seal.id = record.seal
    where record.signal is null and (at, seq) > (:at, :seq) order by at, seq limit :limit
""").bindparams(bindparam("at", type_=TIMESTAMP(timezone=True)))  # noqa: S608 - as above
_PASSAGES = text("select signal, nr, after, until, agreements from passage where signal = any(:ids)").bindparams(_IDS)
