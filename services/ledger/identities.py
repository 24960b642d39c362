"""Which events are recorded: each by 16 bytes of a hash of its source and id, beside the digest of its content.

The two texts stand in the record. A unique index over them is most of what a repeat is found in, and at ten million
events larger than memory; over the hash it is a third of that, and a look compares 16 bytes. Two events of one hash
would take 2**64 tries of somebody who then only loses an event of their own; for another's event, 2**128.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from asyncpg.pgproto import pgproto
from sqlalchemy import ARRAY, Executable, LargeBinary, Uuid, bindparam, text

from services.ledger.lane import Answer

KEY_BYTES = 16

KEY_OF_COLUMNS = "encode(substr(sha256(convert_to(length(source) || ':' || source || id, 'UTF8')), 1, 16), 'hex')::uuid"
"""`key_of` in SQL, of columns `source` and `id`."""

# Sorted, so that two workers that take in the same events wait for each other instead of deadlocking.
ADD = text("""
    insert into identity (key, digest)
    select key, digest from unnest(:keys, :digests) as new (key, digest) order by key
    on conflict (key) do nothing
    returning key
""").bindparams(bindparam("keys", type_=ARRAY(Uuid())), bindparam("digests", type_=ARRAY(LargeBinary)))

_RECORDED = "select key, digest from identity where key = any({})"
_DIGESTS = text(_RECORDED.format(":keys")).bindparams(bindparam("keys", type_=ARRAY(Uuid())))
DIGESTS_NOW = _RECORDED.format("$1::uuid[]")
"""What `digests` asks, in the driver's own words."""


class Asked(Protocol):
    """A connection, or a lane on one."""

    async def execute(self, statement: Executable, parameters: dict[str, Sequence[UUID]], /) -> Answer:
        """As the connection's own."""
        ...


def key_of(source: str, id_: str) -> UUID:
    """What an event is known by: SHA-256 over the number of characters of `source`, a colon, `source` and `id_`.

    The number makes it plain where one ends and the other begins. The type is the driver's: made in a fourth of the
    time.
    """
    named = f"{len(source)}:{source}{id_}".encode()
    return pgproto.UUID(hashlib.sha256(named, usedforsecurity=False).digest()[:KEY_BYTES])


async def digests(connection: Asked, keys: Collection[UUID]) -> dict[UUID, bytes]:
    """The digest of each of these events that the ledger has recorded."""
    if not keys:
        return {}
    rows = await connection.execute(_DIGESTS, {"keys": list(keys)})
    return {row.key: bytes(row.digest) for row in rows}
