"""The record written out, in one moment's view: everything from which a ledger can be made anew.

Its parts, in this order: the agreements, the seals, the events, how far time had passed where the record cannot tell,
and how far each partition is read. Dead letters are no part of the record, and no word that the relay still has to
send is: both stay with the database and its backups.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger import transcript

PAGE = 1000
"""Rows that are read together."""
Progress = Callable[[int], None]

_COUNTS = text("""
    select (select count(*) from record) as events, (select count(*) from seal) as seals,
        (select count(*) from outbox where headers is null) as untold,
        coalesce((select min(next_moment_at) from signal), (select max(read_until) from reading)) as passed_until
""")
_AGREEMENTS = text("select version, text, first_seen from agreements order by first_seen, version")
_SEALS = text("select * from seal where id > :last order by id limit :limit")
_EVENTS = text("select * from record where seq > :last order by seq limit :limit")
_PASSAGES = text("select * from passage where nr > :last order by nr limit :limit")
_READ = text("select topic, partition, next_offset, read_until, head from reading order by topic, partition")


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """How many events and seals there are, and how many words the relay has still to send."""
    row = (await connection.execute(_COUNTS)).one()
    return {"events": row.events, "seals": row.seals, "untold": row.untold}


async def export(
    connection: AsyncConnection, at: datetime, progress: Progress = lambda _more: None
) -> AsyncIterator[bytes]:
    """The lines, at `at`; wants a view of one moment. `progress` is told of the events only."""
    digest = hashlib.sha256()
    count = 0
    async for line in _lines(connection, at, progress):
        digest.update(line)
        count += 1
        yield line
    yield transcript.own("ended", at.isoformat(), at, {"lines": count, "sha256": digest.hexdigest()})


async def _lines(connection: AsyncConnection, at: datetime, progress: Progress) -> AsyncIterator[bytes]:
    row = (await connection.execute(_COUNTS)).one()
    head = {"format": transcript.FORMAT, "events": row.events, "passedUntil": _text(row.passed_until)}
    yield transcript.own("begun", at.isoformat(), at, head)
    for one in (await connection.execute(_AGREEMENTS)).mappings():
        yield transcript.own("agreements", one["version"], one["first_seen"], _texts(one))
    async for one in _pages(connection, _SEALS, "id"):
        yield transcript.own("sealed", one["id"], one["sealed_at"], _texts(one))
    async for one in _pages(connection, _EVENTS, "seq"):
        yield transcript.entry(dict(one))
        progress(1)
    async for one in _pages(connection, _PASSAGES, "nr"):
        yield transcript.own("passed", one["nr"], one["until"] or at, _texts(one))
    for one in (await connection.execute(_READ)).mappings():
        yield transcript.own("read", f"{one['topic']}-{one['partition']}", one["read_until"] or at, _texts(one))


async def _pages(connection: AsyncConnection, query: Any, key: str) -> AsyncIterator[RowMapping]:
    last = -1
    while rows := (await connection.execute(query, {"last": last, "limit": PAGE})).mappings().all():
        last = rows[-1][key]
        for row in rows:
            yield row


def _texts(row: RowMapping) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    """As JSON holds it; bytes as hexadecimal digits."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, int) else str(value)
