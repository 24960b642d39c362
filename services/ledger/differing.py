"""Where the live tables are not what the record says: each row of both, compared in the database, field by field.

A row of the outbox cannot be folded: which words the relay has sent is no part of the record. So it is only asked
whether each row that waits there is a word that the loop tells.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.signals import CANARY
from services.ledger.fold import Told, content
from services.ledger.mending import LANE

KEPT_MAX = 1000
"""So many are told one by one."""
ROW = "(row)"
"""The field of a difference that is a whole row: it is on one side only."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which a live row is not as folded; None on a side that has no such row."""

    table: str
    key: str
    field: str
    live: Any
    folded: Any


@dataclass(slots=True)
class Differences:
    """The first of them, and how many in all."""

    kept: list[Difference] = field(default_factory=list)
    by_table: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many in all tables."""
        return self.by_table.total()

    def add(self, *found: Difference) -> None:
        """Some more."""
        self.by_table.update(one.table for one in found)
        self.kept += found[: max(KEPT_MAX - len(self.kept), 0)]

    def rows(self, table: str, key: object, live: Mapping[str, Any] | None, folded: Mapping[str, Any] | None) -> None:
        """What differs between two rows."""
        if live is None or folded is None:
            self.add(Difference(table, str(key), ROW, live and dict(live), folded and dict(folded)))
            return
        names = sorted(live.keys() | folded.keys())
        pairs = ((name, live.get(name), folded.get(name)) for name in names)
        self.add(*(Difference(table, str(key), name, own, other) for name, own, other in pairs if own != other))


_IDS = bindparam("ids", type_=ARRAY(Uuid()))


class Comparison:
    """The live tables of one schema against the folded ones of another; both names are quoted as SQL wants them."""

    def __init__(self, connection: AsyncConnection, live: str, folded: str) -> None:
        self._connection = connection
        self._live = live
        self._folded = folded
        self.found = Differences()

    async def prepare(self) -> None:
        """The words that wait to be published, where they are found by their signal."""
        await self._connection.execute(_PENDING)
        await self._connection.execute(text("create index on pending (signal)"))

    async def signals(self, ids: Collection[UUID], told: Mapping[UUID, Told]) -> None:
        """Compare these signals, which were folded, with all that hangs on them."""
        for table, column, extra in (("signal", "id", _AS_TEXT), ("assignment", "signal", "")):
            statement = text(self._rows(table, column, extra)).bindparams(_IDS)
            for row in await self._connection.execute(statement, {"ids": list(ids)}):
                self.found.rows(table, row.id, row.live, row.folded)
        for row in await self._connection.execute(_OUTBOX, {"ids": list(ids)}):
            self._waiting(row.seq, row.topic, row.value, told.get(row.signal, {}))

    async def rest(self, told_of_none: Told) -> None:
        """What is live and belongs to no signal that was folded, and the counters; `told_of_none` by no signal."""
        for table, column in (("signal", "id"), ("assignment", "signal")):
            for row in await self._connection.execute(text(self._unfounded(table, column))):
                self.found.rows(table, row.id, row.live, None)
        for row in await self._connection.execute(text(self._counters())):
            self.found.add(Difference("counter", f"{row.name} {row.labels}", "value", row.live, row.folded))
        for row in await self._connection.execute(_OUTBOX_OF_NONE):
            self._waiting(row.seq, row.topic, row.value, told_of_none)
        for row in await self._connection.execute(text(self._unfounded_words()), {"lane": LANE}):
            self._waiting(row.seq, row.topic, row.value, {})

    def _waiting(self, seq: int, topic: str, value: bytes, told: Told) -> None:
        raw = json.loads(value)
        expected = told.get((topic, raw["id"]))
        if expected is None:
            self.found.add(Difference("outbox", str(seq), ROW, {"topic": topic, **raw}, None))
        elif expected != content(raw):
            self.found.add(Difference("outbox", str(seq), "value", raw["data"], json.loads(expected)))

    def _rows(self, table: str, column: str, extra: str) -> str:
        schemas = self._live, self._folded
        live, folded = (f"(select * from {one}.{table} where {column} = any(:ids))" for one in schemas)  # noqa: S608 - names of our own, here and below
        return f"""
            select * from (
                select id,
                    to_jsonb(live) {extra.format("live")} as live, to_jsonb(folded) {extra.format("folded")} as folded
                from {live} live full join {folded} folded using (id)
            ) both_ where live is distinct from folded order by id
        """  # noqa: S608 - as above

    def _unfounded(self, table: str, column: str) -> str:
        return f"""
            select id, to_jsonb(live) as live from {self._live}.{table} live where kind <> '{CANARY}'
            and not exists (select from {self._folded}.signal folded where folded.id = live.{column}) order by id
        """  # noqa: S608 - as above

    def _counters(self) -> str:
        return f"""
            select name, labels, live.value as live, folded.value as folded
            from {self._live}.counter live full join {self._folded}.counter folded using (name, labels)
            where coalesce(live.value, 0) <> coalesce(folded.value, 0) order by name, labels
        """  # noqa: S608 - as above

    def _unfounded_words(self) -> str:
        return f"""
            select seq, topic, value from pending where signal is not null and signal <> :lane
            and topic not like '%.{CANARY}.%'
            and not exists (select from {self._folded}.signal folded where folded.id = pending.signal) order by seq
        """  # noqa: S608 - as above


def as_json(found: Collection[Difference]) -> Iterator[dict[str, Any]]:
    """As programs read it."""
    for one in found:
        yield {"table": one.table, "key": one.key, "field": one.field, "live": one.live, "folded": one.folded}


_AS_TEXT = "|| jsonb_build_object('report', {0}.report::text)"
"""A report is told again byte for byte, so its text counts, not only what it says."""
_PENDING = text("""
    create temporary table pending on commit drop as
    select seq, signal, topic, value from outbox where headers is null and value is not null
""")
_OUTBOX = text("select seq, signal, topic, value from pending where signal = any(:ids) order by seq").bindparams(_IDS)
_OUTBOX_OF_NONE = text("""
    select seq, topic, value from pending
    where signal is null and convert_from(value, 'UTF8')::jsonb -> 'data' ->> 'reason' <> 'unreadable' order by seq
""")
"""What could not be read is told by its dead letter, which is no part of the record."""
