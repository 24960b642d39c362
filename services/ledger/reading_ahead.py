"""Records read while PostgreSQL works on those before them: reading is pure, and a third of what this process does."""

import asyncio
from collections.abc import Sequence

from services.agreements.model import Agreements
from services.ledger.reading import Incoming, Rejected, read_record
from services.runtime.records import Record

Read = list[Incoming | Rejected]

AT_ONCE = 20
"""So many records are read before the event loop looks whether PostgreSQL has answered (half a millisecond)."""


class ReadingAhead:
    """What comes next, as far as it is known. It is read again when it comes otherwise, or under other agreements."""

    def __init__(self) -> None:
        self._next: tuple[Sequence[Record], Agreements] | None = None
        self._task: asyncio.Task[Read] | None = None

    def begin(self, records: Sequence[Record], agreements: Agreements) -> None:
        """Read these meanwhile: `read` is to be called with the very same."""
        self._drop()
        self._next = records, agreements
        self._task = asyncio.create_task(_read(records, agreements))

    async def read(self, records: Sequence[Record], agreements: Agreements) -> Read:
        """These records as they are to be understood; at once when they were read ahead."""
        task, expected = self._task, self._next
        if task is not None and expected is not None and expected[0] is records and expected[1] is agreements:
            self._task = self._next = None
            return await task
        self._drop()
        return [read_record(record, agreements) for record in records]

    def _drop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self._next = None


async def _read(records: Sequence[Record], agreements: Agreements) -> Read:
    read: Read = []
    for start in range(0, len(records), AT_ONCE):
        read += [read_record(record, agreements) for record in records[start : start + AT_ONCE]]
        await asyncio.sleep(0)
    return read
