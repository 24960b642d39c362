"""Records read while PostgreSQL works on those before them: reading is pure, a quarter of what this process does."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from services.agreements.model import Agreements
from services.ledger.reading import Incoming, Rejected, read_record
from services.runtime.records import Record

Read = list[Incoming | Rejected]

AT_ONCE = 20
"""So many records are read before the event loop looks whether PostgreSQL has answered (half a millisecond)."""
AHEAD_MAX = 2
"""The batch that is about to be worked, and the one that follows: of that one is heard before the other is read."""


class _Coming(NamedTuple):
    records: Sequence[Record]
    agreements: Agreements
    task: "asyncio.Task[Read]"


class ReadingAhead:
    """What comes next, as far as it is known. It is read again when it comes otherwise, or under other agreements."""

    def __init__(self) -> None:
        self._coming: deque[_Coming] = deque()

    def begin(self, records: Sequence[Record], agreements: Agreements) -> None:
        """Read these meanwhile: `read` is to be called with the very same, at once or after the batch before them."""
        self._coming.append(_Coming(records, agreements, asyncio.create_task(_read(records, agreements))))
        while len(self._coming) > AHEAD_MAX:
            self._coming.popleft().task.cancel()

    async def read(self, records: Sequence[Record], agreements: Agreements) -> Read:
        """These records as they are to be understood; at once when they were read ahead."""
        if not any(one.records is records for one in self._coming):
            return [read_record(record, agreements) for record in records]
        while (one := self._coming.popleft()).records is not records:
            one.task.cancel()
        if one.agreements is agreements:
            return await one.task
        one.task.cancel()
        return [read_record(record, agreements) for record in records]


async def _read(records: Sequence[Record], agreements: Agreements) -> Read:
    read: Read = []
    for start in range(0, len(records), AT_ONCE):
        read += [read_record(record, agreements) for record in records[start : start + AT_ONCE]]
        await asyncio.sleep(0)
    return read
