"""A town's ledger in which as much is recorded as wanted, filled in the database itself.

One life of a signal (reported, acknowledged, resolved, confirmed) is taken in by the real intake. Every other is a copy
of it, later in time and with ids, digests and seals of its own, so that `verify` and `rebuild` find nothing wrong. The
events of many lives lie mixed in the record, as they come in a town, and the indexes are as loose as those that grew.
"""
# ruff: noqa: S608 - the parts of these statements are constants of this file and the tables' own names

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime

from events.envelope import canonical
from services.ledger import identities
from services.ledger.intake import Intake
from services.ledger.positions import LedgerPositions
from services.ledger.sealing import FIRST
from services.ledger.tables import Table
from tests.benchmarks import lives
from tests.benchmarks.lives import OF_PERMITS, PLACES, SIGNALS

Connection = Any
"""asyncpg's."""

NEWEST = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""About when the last life was reported; what is measured comes later."""
EVERY = 52
"""Seconds between two signals: 600,000 a year."""
BLOCK = 125
"""Lives of which the same event comes in one batch, of 500 events."""
BLOCKS = 80
"""In one statement."""
STEPS = {"reported": 0, "acknowledged": 1, "resolved": 16, "confirmed": 20}
"""After how many blocks (1 h 48 min each) the event of a life comes: all in time."""
PER_LIFE = len(STEPS)
GROWN = 70
"""Percent to which a page of an index is full that grew by itself."""
INDEXED = ("record", "identity", "signal", "assignment")

_TELL = {
    "reported": lives.reported,
    "acknowledged": lives.acknowledged,
    "resolved": lives.resolved,
    "confirmed": lives.confirmed,
}


async def fill(connection: Connection, intake: Intake, count: int, progress: Callable[[str], None]) -> None:
    """Record `count` lives besides the first, in a schema that is new; the intake can go on from there."""
    first = NEWEST - timedelta(seconds=EVERY * (count + BLOCK * STEPS["confirmed"]))
    await _first_life(intake, first)
    await connection.execute(
        "set synchronous_commit = off; set statement_timeout = 0; set maintenance_work_mem = '512MB'"
    )
    await connection.execute("set work_mem = '256MB'; set idle_in_transaction_session_timeout = 0")
    indexes = await _drop_indexes(connection)
    await _lives(connection, count)
    progress(f"{count:,} lives have their ids")
    for table, other in (("signal", "id"), ("assignment", "signal")):
        await _states(connection, table, other)
    await connection.execute("update counter set value = value * $1", count + 1)
    progress("states are there")
    await _events(connection, count, progress)
    await connection.execute("drop table life, told")
    for statement in indexes:
        await connection.execute(statement)
    progress("indexes are there")
    await connection.execute("vacuum (freeze, analyze)")
    await connection.execute("checkpoint")


async def next_offsets(connection: Connection) -> dict[tuple[str, int], int]:
    """Of each partition, for `lives.records`."""
    rows = await connection.fetch("select topic, partition, next_offset from reading")
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def _first_life(intake: Intake, begin: datetime) -> None:
    """Life 0, whose events have the offsets and moments that the copies' follow from."""
    await LedgerPositions(intake.engine).take_over(PLACES, intake.owner)
    for verb, tell in _TELL.items():
        index = STEPS[verb] * BLOCK
        at = begin + timedelta(seconds=EVERY * index)
        await intake.work([lives.record(tell("0"), 0, _offset(verb, index), at)])


def _offset(verb: str, index: int) -> int:
    """Of an event of partition 0; `index` is that of the life reported at the same moment."""
    return {"reported": index // 6, "acknowledged": 2 * index, "resolved": 2 * index + 1, "confirmed": index}[verb]


async def _drop_indexes(connection: Connection) -> list[str]:
    """Drop what would be written in random order; answers with how to make it again, as loose as if it had grown."""
    rows = await connection.fetch(
        """
        select indrelid::regclass::text as "table", indexrelid::regclass::text as name, amname as method,
            pg_get_indexdef(indexrelid) as definition, conname as "constraint", pg_get_constraintdef(con.oid) as con
        from pg_index join pg_class on pg_class.oid = indexrelid join pg_am on pg_am.oid = relam
        left join pg_constraint con on conindid = indexrelid
        where indrelid = any($1::regclass[]) and pg_get_indexdef(indexrelid) not like '%(seq)'
        """,
        [f'"{table}"' for table in INDEXED],
    )
    again = []
    for row in rows:
        if row["constraint"]:
            await connection.execute(f"alter table {row['table']} drop constraint {row['constraint']}")
            again.append(
                f"alter table {row['table']} add constraint {row['constraint']} {row['con']} with (fillfactor={GROWN})"
            )
        else:
            await connection.execute(f"drop index {row['name']}")
            again.append(_loose(row["definition"]) if row["method"] == "btree" else row["definition"])
        if row["method"] == "btree":
            again.append(f"alter index {row['name']} reset (fillfactor)")
    return again


def _loose(definition: str) -> str:
    before, where, predicate = definition.partition(" WHERE ")
    return f"{before} with (fillfactor={GROWN}){where}{predicate}"


async def _lives(connection: Connection, count: int) -> None:
    """The numbers and ids of the lives, and what was said in the first, in the order in which a block tells it."""
    await connection.execute("create unlogged table life (nr int, signal uuid, assignment uuid)")
    ids = ((nr, *lives.ids(str(nr))) for nr in range(1, count + 1))
    await connection.copy_records_to_table(
        "life", records=ids, schema_name=await connection.fetchval("select current_schema()")
    )
    await connection.execute("create unique index on life (nr); analyze life")
    await connection.execute(
        "create unlogged table told as select *, ''::text as verb, 0 as step, ''::text as canon from record"
    )
    for row in await connection.fetch("select seq, type, body from told"):
        raw = json.loads(row["body"])
        verb = "reported" if ".signals.initiative" in row["type"] else row["type"].split(".")[-2]
        canon = canonical([raw.get(name) for name in ("type", "subject", "time", "data")]).decode()
        await connection.execute(
            "update told set verb = $2, step = $3, canon = $4 where seq = $1", row["seq"], verb, STEPS[verb], canon
        )
    await connection.execute("analyze told")


async def _states(connection: Connection, table: str, signal: str) -> None:
    columns = [column for column in Table.metadata.tables[table].columns if column.computed is None]
    own = {signal: "life.signal"} | ({"id": "life.assignment"} if table == "assignment" else {})
    values = [own.get(column.name, _later(column)) for column in columns]
    await connection.execute(f"""
        insert into {table} ({", ".join(column.name for column in columns)})
        select {", ".join(values)} from {table} as first, life order by life.nr
    """)


def _later(column: Any) -> str:
    later = f" + make_interval(secs => life.nr * {EVERY})" if isinstance(column.type, DateTime) else ""
    return f"first.{column.name}{later}"


_SPOKEN = f"""
    select told.*, life.nr, life.signal as own, first.signal as their, life.assignment, first.assignment as theirs,
        md5(verb || ' ' || life.nr)::uuid::text as own_id, at + make_interval(secs => life.nr * {EVERY}) as moment,
        life.nr + step * {BLOCK} as index, (life.nr + step * {BLOCK} - 1) / {BLOCK} as block
    from (select signal, id as assignment from assignment order by waiting_since limit 1) as first, told
        join life on life.nr > ($1 - step) * {BLOCK} and life.nr <= ($2 - step) * {BLOCK}
"""
_PLACED = f"""
    select *, replace(replace(replace(convert_from(body, 'UTF8'), id, own_id), their::text, own::text),
            theirs::text, assignment::text) as own_body,
        replace(replace(canon, their::text, own::text), theirs::text, assignment::text) as own_canon,
        case topic when '{SIGNALS}' then nr % 6 else 0 end as own_partition,
        case verb when 'reported' then nr / 6 when 'acknowledged' then 2 * index when 'resolved' then 2 * index + 1
            else index end as own_offset,
        $3 + block * {len(PLACES)} + case topic when '{SIGNALS}' then nr % 6 when '{OF_PERMITS}' then 6 else 7 end
            as own_seal
    from ({_SPOKEN}) as spoken
"""
_KEY = identities.KEY_OF_COLUMNS.replace(" id", " own_id")
_RECORD = f"""
    with placed as materialized ({_PLACED}), known as (
        insert into identity (key, digest)
        select {_KEY}, sha256(convert_to(own_canon, 'UTF8')) from placed
    )
    insert into record (topic, partition, "offset", at, source, id, type, signal, sender, refused, body, seal)
    select topic, own_partition, own_offset, moment, source, own_id, type, own, sender, refused,
        convert_to(own_body, 'UTF8'), own_seal
    from placed order by block, verb <> 'reported', moment, verb
"""
# Each row as `sealing.SealedRow.form` tells it; the moments are of whole seconds.
_FORMS = """
    select seal, topic, partition, count(*) as rows, max("offset") as last, string_agg(convert_to(json_build_array(
        topic, partition, "offset", to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'), source, id, type,
        signal, sender, refused, encode(sha256(body), 'hex')) || E'\\n', 'UTF8'), ''::bytea order by seq) as forms
    from record where seq > $1 group by 1, 2, 3 order by 1
"""


async def _events(connection: Connection, count: int, progress: Callable[[str], None]) -> None:
    """The record, its seals and the identities, block by block."""
    version = await connection.fetchval("select version from agreements")
    heads = {
        (row["topic"], row["partition"]): row["head"] or FIRST
        for row in await connection.fetch("select * from reading")
    }
    ends: dict[tuple[str, int], int] = {}
    base = await connection.fetchval("select nextval('seal_id')") + 1
    blocks = (count - 1) // BLOCK + 1 + STEPS["confirmed"]
    for begin in range(0, blocks, BLOCKS):
        last = await connection.fetchval("select max(seq) from record")
        await connection.execute(_RECORD, begin, min(begin + BLOCKS, blocks), base)
        sealed = []
        for row in await connection.fetch(_FORMS, last):
            place = row["topic"], row["partition"]
            ends[place] = row["last"] + 1
            said = (json.dumps([*place, version, row["rows"]]) + "\n").encode()
            heads[place] = hashlib.sha256(heads[place] + said + row["forms"]).digest()
            sealed.append((row["seal"], *place, version, row["rows"], heads[place]))
        await _seals(connection, sealed)
        progress(f"{min(begin + BLOCKS, blocks):,} of {blocks:,} blocks are recorded")
    await connection.execute("select setval('seal_id', $1)", base + (blocks + 1) * len(PLACES))
    await connection.executemany(
        """
        update reading set head = $3, next_offset = $4, read_until = greatest(read_until, $5)
        where topic = $1 and partition = $2
        """,
        [(*place, heads[place], end, NEWEST) for place, end in ends.items()],
    )


async def _seals(connection: Connection, sealed: list[tuple[Any, ...]]) -> None:
    await connection.copy_records_to_table(
        "seal",
        records=sealed,
        columns=["id", "topic", "partition", "agreements", "rows", "hash"],
        schema_name=await connection.fetchval("select current_schema()"),
    )
