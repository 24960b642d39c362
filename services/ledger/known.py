"""What the ledger already knows of an event: whether it is recorded, and whose the thing is that it is about."""

from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger import identities
from services.ledger.queries import ASSIGNMENT, SIGNAL


async def digests(connection: AsyncConnection, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """The digest of each of these events (source and id) that the ledger has recorded."""
    keys = {identities.key_of(*event): event for event in events}
    found = await identities.digests(connection, keys)
    return {keys[key]: digest for key, digest in found.items()}


async def digests_now(connection: AsyncConnection, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """As `digests`, in no transaction: of this moment, and straight to asyncpg, which needs a third of the time.

    Raises asyncpg's errors as they are.
    """
    if not events:
        return {}
    keys = {identities.key_of(*event): event for event in events}
    driver: Any = cast("Connection", connection.sync_connection).connection.driver_connection
    return {keys[key]: digest for key, digest in await driver.fetch(identities.DIGESTS_NOW, list(keys))}


async def assignment_owners(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, tuple[str, UUID]]:
    """The department and the signal of each of these assignments that the ledger knows."""
    if not ids:
        return {}
    columns = (ASSIGNMENT.c.id, ASSIGNMENT.c.department, ASSIGNMENT.c.signal)
    rows = await connection.execute(select(*columns).where(ASSIGNMENT.c.id.in_(ids)))
    return {row.id: (row.department, row.signal) for row in rows}


async def signal_owners(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, str]:
    """The team of each of these signals that the ledger knows."""
    if not ids:
        return {}
    rows = await connection.execute(select(SIGNAL.c.id, SIGNAL.c.team).where(SIGNAL.c.id.in_(ids)))
    return {row.id: row.team for row in rows}
