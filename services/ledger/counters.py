"""Counts as rows, added to at the very end of the transaction in which they came about."""

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.counting import Counts
from services.ledger.lane import Lane

# All workers add to the same few rows: sorted, so that they wait for each other instead of deadlocking; and last, so
# that who holds such a row waits for nothing but its commit.
_ADD = text("""
    insert into counter (name, labels, value)
    select name, labels, value from unnest(:names, :labels, :values) as added (name, labels, value)
    order by name, labels
    on conflict (name, labels) do update set value = counter.value + excluded.value
""").bindparams(
    bindparam("names", type_=ARRAY(Text)),
    bindparam("labels", type_=ARRAY(Text)),
    bindparam("values", type_=ARRAY(BigInteger)),
)


async def add(connection: AsyncConnection | Lane, counts: Counts) -> None:
    """Add `counts`. It must be the last statement of the transaction that wrote what they count."""
    if not counts:
        return
    keys = sorted(counts)
    columns = {
        "names": [name for name, _ in keys],
        "labels": [labels for _, labels in keys],
        "values": [counts[key] for key in keys],
    }
    await connection.execute(_ADD, columns)
