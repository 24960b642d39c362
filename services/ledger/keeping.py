"""Dead letters are kept with the ledger, in the transaction that publishes and counts them, until they are mended."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, Integer, LargeBinary, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ledger.lane import Lane
from services.ledger.letters import Letter
from services.ledger.writing import CHUNK_BYTES
from services.runtime.dead_letters import MESSAGE_LENGTH_MAX

_TYPES: dict[str, Any] = {
    "topic": Text,
    "partition": Integer,
    "offset": BigInteger,
    "received_at": DateTime(timezone=True),
    "read_topic": Text,
    "read_partition": Integer,
    "read_offset": BigInteger,
    "reason": Text,
    "message": Text,
    "attempts": Integer,
    "sender": Text,
    "size": BigInteger,
    "whole": Boolean,
    "key": LargeBinary,
    "value": LargeBinary,
    "headers": Text,
}
_COLUMNS = ", ".join(f'"{name}"' for name in _TYPES if name != "headers")
_KEEP = text(f"""
    insert into dead_letter ({_COLUMNS}, headers)
    select {_COLUMNS}, cast(headers as json)
    from unnest({", ".join(f":{name}" for name in _TYPES)}) with ordinality as new ({_COLUMNS}, headers, place)
    order by place
""").bindparams(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in _TYPES.items()))  # noqa: S608 - our own columns


async def keep(connection: AsyncConnection | Lane, letters: Sequence[Letter]) -> None:
    """Keep `letters` as open, in order; the caller has seen to it that none was read before."""
    for rows in _chunks(letters):
        columns = zip(*rows, strict=True)
        await connection.execute(_KEEP, dict(zip(_TYPES, map(list, columns), strict=True)))


def plain(message: str) -> str:
    """A message as PostgreSQL takes it, and no longer than the header that bears it."""
    return message[:MESSAGE_LENGTH_MAX].encode(errors="replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _chunks(letters: Sequence[Letter]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in parts of bounded size."""
    chunk: list[tuple[Any, ...]] = []
    size = 0
    for letter in letters:
        row = _row(letter)
        chunk.append(row)
        size += len(letter.record.value or b"") + len(letter.record.key or b"") + len(row[-1])
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _row(letter: Letter) -> tuple[Any, ...]:
    item, place, kept = letter.item, letter.place, letter.record
    return (
        place.topic,
        place.partition,
        place.offset,
        place.timestamp,
        *item.record.place,
        item.reason,
        plain(letter.message),
        item.attempts,
        ":".join(letter.sender) if letter.sender else None,
        len(item.record.value or b""),
        letter.whole,
        kept.key,
        kept.value,
        letter.headers(),
    )
