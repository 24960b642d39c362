"""Handling several signals beside each other, each signal's events in their order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from services.runtime.records import Record


async def beside_each_other(hear: Callable[[Record], Awaitable[None]], records: Sequence[Record], most: int) -> None:
    """Have every record heard, those of one key one after another, of `most` keys at the same time.

    After an error none is begun any more; those at work end first, since one that is broken off would have to be
    heard again for nothing. Then the first error is raised.
    """
    keys: dict[bytes | None, list[Record]] = {}
    for record in records:
        keys.setdefault(record.key, []).append(record)
    errors: list[Exception] = []
    todo = iter(keys.values())
    await asyncio.gather(*(_hear_some(hear, todo, errors) for _ in range(min(most, len(keys)))))
    if errors:
        raise errors[0]


async def _hear_some(
    hear: Callable[[Record], Awaitable[None]], todo: Iterator[Sequence[Record]], errors: list[Exception]
) -> None:
    try:
        for records in todo:
            for record in records:
                if errors:
                    return
                await hear(record)
    except Exception as error:  # noqa: BLE001 - raised again, once the others have ended
        errors.append(error)
