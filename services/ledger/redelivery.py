"""Open assignments published again, some signals in each transaction, by way of the outbox.

The signals are locked as the ledger locks them, so nothing that is decided meanwhile (a closing, a hand-over) is told
before what is told again. A department drops what it took in before: the events have the ids that they always had.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.envelope import encode
from events.identifiers import SignalId
from events.signals import CANARY
from services.agreements.loading import parse
from services.ledger import store, writing
from services.ledger.lane import Lane
from services.ledger.letters import OutboxEntry
from services.ledger.retelling import open_told

SIGNALS = 200
"""In one transaction."""
FIRST = UUID(int=0)
"""Before every signal."""

_OPEN = f"state in ('waiting', 'acknowledged') and kind <> '{CANARY}' and (:every or department = any(:departments))"
_DEPARTMENTS = bindparam("departments", type_=ARRAY(Text))
_COUNT = text(f"""
    select department, count(*) as open from assignment where {_OPEN} group by department order by department
""").bindparams(_DEPARTMENTS)  # noqa: S608 - constants of this file, here and below
_SIGNALS = text(f"""
    select id from signal where id > :after and id in (select signal from assignment where {_OPEN})
    order by id limit :limit for update
""").bindparams(_DEPARTMENTS, bindparam("after", type_=Uuid()))  # noqa: S608 - as above
_TEXTS = text("select version, text from agreements where version = any(:versions)").bindparams(
    bindparam("versions", type_=ARRAY(Text))
)
_KNOWN = text("select text from agreements order by first_seen desc, version limit 1")
_WORKED = text(f"select distinct department from assignment where kind <> '{CANARY}'")  # noqa: S608 - as above


async def departments(connection: AsyncConnection) -> set[str]:
    """The codes that may be named: of the newest agreements, and of every department that ever had work."""
    newest = await connection.scalar(_KNOWN)
    worked = set((await connection.scalars(_WORKED)).all())
    return worked | (set(parse(newest).departments) if newest else set())


async def count(connection: AsyncConnection, only: Collection[str] = ()) -> Sequence[Row[Any]]:
    """How many assignments are open of each department, or of some."""
    return (await connection.execute(_COUNT, _values(only))).all()


async def redeliver(
    connection: AsyncConnection, sources: dict[str, str], after: UUID = FIRST, only: Collection[str] = ()
) -> tuple[UUID | None, int]:
    """Put the open assignments of the next signals into the outbox; of some departments when `only` names them.

    Answers with where to go on (None at the end) and how many assignments they were. `sources` is filled with what it
    had to look up, for the next call.
    """
    signals = await connection.scalars(_SIGNALS, {**_values(only), "after": after, "limit": SIGNALS})
    ids = [SignalId(id_) for id_ in signals.all()]
    states = await store.load_states(connection, ids, lock=False)
    await _look_up(connection, sources, store.versions(states.values()))
    entries: list[OutboxEntry] = []
    for id_ in ids:
        for assignment, follow in open_told(states[id_], sources):
            if not only or assignment.department in only:
                entries.append((id_, follow.topics[0], str(id_).encode(), encode(follow.raw), None))
    async with Lane(connection) as lane:
        await writing.write_outbox(lane, entries)
    return (ids[-1] if len(ids) == SIGNALS else None), len(entries)


async def _look_up(connection: AsyncConnection, sources: dict[str, str], versions: Collection[str]) -> None:
    missing = sorted(set(versions) - sources.keys())
    if missing:
        rows = await connection.execute(_TEXTS, {"versions": missing})
        sources.update({row.version: parse(row.text).source for row in rows})


def _values(only: Collection[str]) -> dict[str, Any]:
    return {"every": not only, "departments": sorted(only)}
