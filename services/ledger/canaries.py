"""What the canary leaves in the ledger: its last hour of rounds, and no more.

At one a minute it would be nearly all that the ledger holds: people report a few signals a day. So what it says enters
neither the record nor the identities, which are kept for ever, and each round that closes removes those that began
longer ago than `KEPT`, whatever became of them: one that got stuck does not stay open. What is left tells when the
canary last came round. The rest of its way is everybody's: states, outbox and offsets, in the same transaction. That
a repeat changes nothing follows from its state, as it does for whatever people say twice under two ids.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.signals import CANARY
from services.agreements.canary import KEPT
from services.ledger.lane import Lane
from services.ledger.reading import Incoming
from services.ledger.writing import Recorded

# By way of the index on an assignment's department: a canary's signal has one assignment, and people's have none.
# Rows that another worker has at hand are left to a later round, so that nobody waits or deadlocks.
_FORGET = text(f"""
    with old as (
        select signal.id from assignment join signal on signal.id = assignment.signal
        where assignment.department = '{CANARY}' and assignment.waiting_since < :before
        for update of signal skip locked
    ), assignments as (delete from assignment where signal in (select id from old))
    delete from signal where id in (select id from old)
""").bindparams(bindparam("before", type_=DateTime(timezone=True)))  # noqa: S608 - a constant of ours


def is_own(item: Incoming) -> bool:
    """Whether the canary says it; what anybody else says about a canary is theirs, and kept."""
    return item.sender[1] == CANARY


def told_apart(incoming: Iterable[Incoming]) -> tuple[list[Incoming], list[Incoming]]:
    """What the canary says, and what people say, each in order."""
    own: list[Incoming] = []
    peoples: list[Incoming] = []
    for item in incoming:
        (own if is_own(item) else peoples).append(item)
    return own, peoples


async def forget(connection: AsyncConnection | Lane, decided: Iterable[Recorded]) -> None:
    """Remove old rounds, when this batch closes one."""
    closed = [moment for entry in decided if (moment := _closed_at(entry))]
    if closed:
        await connection.execute(_FORGET, {"before": max(closed) - KEPT})


def _closed_at(entry: Recorded) -> datetime | None:
    state = entry.decision.state
    return state.signal.closed_at if state is not None and state.signal.kind == CANARY else None
