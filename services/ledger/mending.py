"""Dead letters in the hands of an operator: looked up, retried or discarded.

A retried one goes through the outbox in the transaction that settles its row: a crash leaves it open, or settled and
on its way. The ledger reads it from `loop.retries` as of the place and moment at which it was first received; it may
come twice, as anything that the relay sends, and falls away as the repeat that it is. One that fails again is a new
open dead letter of the same first place, by which all of one record are found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, text
from sqlalchemy.dialects.postgresql import BIGINT, TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncConnection

from events.catalogue import RETRIES
from events.identifiers import NAMESPACE

State = Literal["open", "retried", "discarded"]
Rows = Sequence[Row[Any]]

LANE: UUID = uuid5(NAMESPACE, RETRIES)
"""Retries keep one order in the outbox, as the rows of one signal do: an answer must not overtake its signal."""

_CHOSEN = """
    (:topic = '' or topic = :topic) and (:reason = '' or reason = :reason)
    and (cast(:since as timestamptz) is null or at >= :since)
    and (not :only_open or state = 'open')
"""
_SHOWN = """
    nr, topic, partition, "offset", received_at, read_topic, read_partition, read_offset, at, reason, message,
    attempts, sender, size, whole, state, settled_at, settled_by, settled_because
"""
_SINCE = bindparam("since", type_=TIMESTAMP(timezone=True))
_NUMBERS = bindparam("numbers", type_=ARRAY(BigInteger))

_LIST = text(f"select {_SHOWN} from dead_letter where {_CHOSEN} order by nr limit :most").bindparams(_SINCE)  # noqa: S608 - constants of this file, here and below
_COUNT = text(f"""
    select topic, reason, count(*) as letters from dead_letter where {_CHOSEN}
    group by topic, reason order by letters desc, topic, reason
""").bindparams(_SINCE)  # noqa: S608 - as above
_NUMBERS_OF = text(f"select nr from dead_letter where {_CHOSEN} order by received_at, nr").bindparams(_SINCE)  # noqa: S608 - as above
_THESE = text(f"select {_SHOWN} from dead_letter where nr = any(:numbers)").bindparams(_NUMBERS)  # noqa: S608 - as above
_ONE = text("select * from dead_letter where nr = :number").bindparams(bindparam("number", type_=BIGINT))
_OTHERS = text(f"""
    select {_SHOWN} from dead_letter as other
    where (topic, partition, "offset") = (select topic, partition, "offset" from dead_letter where nr = :number)
        and nr <> :number
    order by nr
""").bindparams(bindparam("number", type_=BIGINT))  # noqa: S608 - as above

# In one statement: all its parts see the row as it was, bytes and all.
_RETRY = text("""
    with taken as (
        select nr, received_at, key, value, headers from dead_letter
        where nr = any(:numbers) and state = 'open' and whole order by received_at, nr for update
    ), sent as (
        insert into outbox (signal, topic, key, value, headers)
        select :lane, :topic, key, value, headers from taken order by received_at, nr
    )
    update dead_letter
    set state = 'retried', settled_at = clock_timestamp(), settled_by = :by, settled_because = :because,
        key = null, value = null, headers = null
    from taken where dead_letter.nr = taken.nr
    returning dead_letter.nr
""").bindparams(_NUMBERS)
_DISCARD = text("""
    with taken as (
        select nr from dead_letter where nr = any(:numbers) and state = 'open' order by received_at, nr for update
    )
    update dead_letter
    set state = 'discarded', settled_at = clock_timestamp(), settled_by = :by, settled_because = :because,
        key = null, value = null, headers = null
    from taken where dead_letter.nr = taken.nr
    returning dead_letter.nr
""").bindparams(_NUMBERS)
_WAKE = text("select pg_notify('outbox_' || current_schema(), '')")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant; what is empty or None chooses none away."""

    topic: str = ""
    """Where it was first received."""
    reason: str = ""
    since: datetime | None = None
    """Those set apart at this moment or later."""
    only_open: bool = True

    def values(self) -> dict[str, Any]:
        """As the queries want them."""
        return {"topic": self.topic, "reason": self.reason, "since": self.since, "only_open": self.only_open}


async def listed(connection: AsyncConnection, choice: Choice, most: int) -> Rows:
    """The first of those chosen, without their bytes."""
    return (await connection.execute(_LIST, choice.values() | {"most": most})).all()


async def counted(connection: AsyncConnection, choice: Choice) -> Rows:
    """How many are chosen, by topic and reason, most first."""
    return (await connection.execute(_COUNT, choice.values())).all()


async def numbers_of(connection: AsyncConnection, choice: Choice) -> list[int]:
    """The numbers of those chosen, in the order in which they were first received."""
    return list((await connection.scalars(_NUMBERS_OF, choice.values())).all())


async def these(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, Row[Any]]:
    """Those of `numbers` that there are, without their bytes."""
    return {row.nr: row for row in await connection.execute(_THESE, {"numbers": list(numbers)})}


async def one(connection: AsyncConnection, number: int) -> tuple[Row[Any], Rows] | None:
    """One with all its bytes, and what else became of the same record; None when there is none."""
    row = (await connection.execute(_ONE, {"number": number})).one_or_none()
    if row is None:
        return None
    return row, (await connection.execute(_OTHERS, {"number": number})).all()


async def retry(connection: AsyncConnection, numbers: Sequence[int], by: str, because: str = "") -> set[int]:
    """Publish these again, and settle them; answers with those for which it did.

    Left alone are those that are settled, are not there, or are not kept whole.
    """
    values = {"numbers": list(numbers), "lane": LANE, "topic": RETRIES, "by": by, "because": because or None}
    settled = set((await connection.scalars(_RETRY, values)).all())
    if settled:
        await connection.execute(_WAKE)
    return settled


async def discard(connection: AsyncConnection, numbers: Sequence[int], by: str, because: str) -> set[int]:
    """Give these up for good, and drop their bytes; answers with those for which it did."""
    values = {"numbers": list(numbers), "by": by, "because": because}
    return set((await connection.scalars(_DISCARD, values)).all())
