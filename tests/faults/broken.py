"""Builds that are broken on purpose: the suite must catch each, or its silence about the real one means nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import text

from services.ledger import intake, positions, writing
from services.ledger.positions import Held
from services.ledger.sealing import FIRST
from services.relay.rows import Row
from services.relay.seat import Seat
from services.runtime.database import transient_errors

_EVERYONES = text(str(positions._HOLD).replace("where owner = :owner", "where :owner <> ''")).bindparams(
    positions._TOPICS, positions._PARTITIONS
)


def offsets_first() -> None:
    """The offsets are committed before the transaction: a crash between them loses the batch."""
    original = intake.Intake._take_in

    async def take_in(self: Any, incoming: Any, rejected: Any, records: Any) -> None:
        async with transient_errors(), self.engine.begin() as connection:
            await positions.hold(connection, records, self.owner)
            await positions.advance(connection, records, {})
        await original(self, incoming, rejected, records)

    intake.Intake._take_in = take_in  # type: ignore[method-assign]  # that is what breaks it
    vars(intake)["_unread"] = lambda _record, _held: True  # else it would drop what it just noted


def row_deleted_first() -> None:
    """The outbox row is deleted before it is sent: a crash between them loses what was to be told."""
    original = Seat.read

    async def read(self: Seat, limit: int, without: Sequence[Any]) -> list[Row]:
        rows = await original(self, limit, without)
        if rows:
            await self.delete(rows)
        return rows

    Seat.read = read  # type: ignore[method-assign]  # that is what breaks it


def no_fence() -> None:
    """No partition has an owner: a zombie's batch is taken in as if nobody had read on in its place."""

    async def hold(connection: Any, records: Any, owner: str) -> dict[positions.Place, Held]:
        places = sorted({(record.topic, record.partition) for record in records})
        rows = await connection.execute(_EVERYONES, {"owner": owner, **positions._columns(places)})
        return {
            (row.topic, row.partition): Held(row.next_offset, FIRST if row.head is None else bytes(row.head), row.seal)
            for row in rows
        }

    vars(positions)["hold"] = hold
    vars(intake)["_unread"] = lambda _record, _held: True


def no_inbox() -> None:
    """Nobody looks whether an event was recorded before: a repeat has its effect again."""

    async def record_identities(_connection: Any, incoming: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        return list(incoming), []

    vars(writing)["record_identities"] = record_identities


BUILDS: dict[str, Callable[[], None]] = {
    "offsets-first": offsets_first,
    "row-deleted-first": row_deleted_first,
    "no-fence": no_fence,
    "no-inbox": no_inbox,
}
"""Each broken build by its name."""
