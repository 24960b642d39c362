"""A ledger made from its record: into empty tables, in one transaction, verified, and folded before it is committed.

Every moment that had passed for all signals when the record was exported passes again, and is told to nobody: it was
told then. The timekeeper does the rest as it starts.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.envelope import digest
from services.ledger import folding
from services.ledger.folding import Progress, Result
from services.ledger.identities import key_of
from services.ledger.transcript import FORMAT, Line, NotTheRecord, read_line
from services.ledger.verifying import verify
from services.runtime.errors import KoikarperError

PAGE = 1000
"""Rows that are written together."""

_LOCK = text("lock table reading, record, seal, identity, signal, assignment, counter in exclusive mode")
_HELD = text("""
    select (select count(*) from record) + (select count(*) from seal) + (select count(*) from identity)
        + (select count(*) from passage) + (select count(*) from signal where kind <> 'canary')
        + (select count(*) from counter) + (select count(*) from dead_letter)
        + (select count(*) from reading where next_offset > 0)
""")
_AGREEMENTS = text("""
    insert into agreements (version, text, first_seen) values (:version, :text, :first_seen)
    on conflict (version) do update set first_seen = excluded.first_seen
""")
_READ = text("""
    insert into reading (topic, partition, next_offset, read_until, head, owner)
    values (:topic, :partition, :next_offset, :read_until, :head, 'import')
    on conflict (topic, partition) do update
    set next_offset = excluded.next_offset, read_until = excluded.read_until, head = excluded.head,
        owner = excluded.owner
""")
_NUMBERS = (
    "select setval(pg_get_serial_sequence('record', 'seq'), coalesce((select max(seq) from record), 0) + 1, false)",
    "select setval(pg_get_serial_sequence('passage', 'nr'), coalesce((select max(nr) from passage), 0) + 1, false)",
    "select setval('seal_id', coalesce((select max(id) from seal), 0) + 1, false)",
)
_RECORD = ("seq", "topic", "partition", "offset", "at", "source", "id", "type", "signal", "sender", "refused", "body")
_COLUMNS = {
    "record": (*_RECORD, "seal"),
    "identity": ("key", "digest"),
    "seal": ("id", "topic", "partition", "agreements", "rows", "hash", "sealed_at"),
    "passage": ("nr", "signal", "after", "until", "agreements"),
}


class NotImported(KoikarperError):  # noqa: N818 - says what happened
    """Nothing was written, and the message says why."""


@dataclass(slots=True)
class Content:
    """What a file holds."""

    events: int = 0
    seals: int = 0
    agreements: int = 0
    partitions: int = 0
    passed_until: datetime | None = None


@dataclass(slots=True)
class _Pages:
    """Rows by table, until there are enough of them to be written."""

    connection: AsyncConnection
    rows: dict[str, list[Sequence[Any]]] = field(default_factory=lambda: {table: [] for table in _COLUMNS})

    async def add(self, table: str, row: dict[str, Any]) -> None:
        self.rows[table].append([row[name] for name in _COLUMNS[table]])
        if len(self.rows[table]) >= PAGE:
            await self.write(table)

    async def write(self, *tables: str) -> None:
        raw = await self.connection.get_raw_connection()
        schema = await self.connection.scalar(text("select current_schema()"))
        for table in tables or _COLUMNS:
            rows, self.rows[table] = self.rows[table], []
            await raw.driver_connection.copy_records_to_table(  # type: ignore[union-attr]  # asyncpg's own connection
                table, schema_name=schema, columns=_COLUMNS[table], records=rows
            )


def look(lines: Iterable[bytes]) -> Content:
    """Read a file from end to end; raises `NotTheRecord` when it is not whole."""
    content, sha256, count = Content(), hashlib.sha256(), 0
    last: Line | None = None
    for raw in lines:
        if last is not None and last.kind == "ended":
            raise NotTheRecord("something stands after its last line")
        last = read_line(raw)
        if last.kind == "ended":
            _compare(last.row, count, sha256.hexdigest())
            continue
        _note(content, last, first=count == 0)
        sha256.update(raw)
        count += 1
    if last is None or last.kind != "ended":
        raise NotTheRecord("the file is cut off: its last line is missing")
    return content


async def bring_in(
    connection: AsyncConnection, lines: Iterable[bytes], content: Content, *, new_kafka: bool, progress: Progress
) -> Result:
    """Write what `look` has read into empty tables, and fold it; in the caller's transaction, as its first statement.

    `new_kafka` reads every topic from its beginning, for those of the old cluster are gone. Raises `NotImported`.
    """
    await connection.execute(_LOCK)
    if held := await connection.scalar(_HELD):
        raise NotImported(f"this ledger is not empty ({held} rows); a record is only imported into a fresh one")
    pages = _Pages(connection)
    for line in map(read_line, lines):
        await _write(pages, line, new_kafka=new_kafka)
        if line.kind == "entry":
            progress(1)
    await pages.write()
    for statement in _NUMBERS:
        await connection.execute(text(statement))
    verified = await verify(connection, {})
    if verified.broken:
        one = verified.breaks[0]
        raise NotImported(f"the record was changed: seal {one.seal} of {one.topic}/{one.partition}: {one.what}")
    return await _fold(connection, content)


async def _fold(connection: AsyncConnection, content: Content) -> Result:
    live = await connection.scalar(text("select quote_ident(current_schema())"))
    result = await folding.fold_beside(connection, live, lambda _more: None, content.passed_until)
    if result.differences.total:
        raise NotImported(f"the record does not fold to what was decided: {result.differences.kept[0]}")
    return result


async def _write(pages: _Pages, line: Line, *, new_kafka: bool) -> None:
    row = line.row
    match line.kind:
        case "entry":
            await pages.add("record", row)
            key = key_of(row["source"], row["id"])
            await pages.add("identity", {"key": key, "digest": digest(json.loads(row["body"]))})
        case "sealed":
            own = {"hash": bytes.fromhex(row["hash"]), "sealed_at": datetime.fromisoformat(row["sealed_at"])}
            await pages.add("seal", row | own)
        case "passed":
            await pages.add("passage", row | {"signal": UUID(row["signal"]), "until": _moment(row["until"])})
        case "agreements":
            await pages.connection.execute(_AGREEMENTS, row | {"first_seen": _moment(row["first_seen"])})
        case "read":
            offset = 0 if new_kafka else row["next_offset"]
            head = row["head"] and bytes.fromhex(row["head"])
            values = row | {"next_offset": offset, "read_until": _moment(row["read_until"]), "head": head}
            await pages.connection.execute(_READ, values)


def _compare(end: dict[str, Any], count: int, sha256: str) -> None:
    if end.get("lines") != count:
        raise NotTheRecord(f"the file has {count} lines and says {end.get('lines')}")
    if end.get("sha256") != sha256:
        raise NotTheRecord("the file was changed: its lines are not those that were written")


def _note(content: Content, line: Line, *, first: bool) -> None:
    if first != (line.kind == "begun"):
        raise NotTheRecord("it does not begin as `koikarper export record` begins")
    match line.kind:
        case "begun":
            if line.row.get("format") != FORMAT:
                raise NotTheRecord(f"it has format {line.row.get('format')}; this version reads {FORMAT}")
            content.passed_until = _moment(line.row["passedUntil"])
        case "entry":
            content.events += 1
        case "sealed":
            content.seals += 1
        case "agreements":
            content.agreements += 1
        case "read":
            content.partitions += 1


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
