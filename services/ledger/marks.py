"""What one worker knows to be read: when the tables say less, they were set back under it, and it must not read on.

It would go on from where its consumer stands, and all between the backup and there would never be read. So it ends;
as it starts again, it finds that the tables were set back, and catches up (`catching_up.py`).
"""

from collections.abc import Collection, Iterable, Mapping

from services.ledger.positions import LedgerPositions, Place
from services.runtime.checks import Check
from services.runtime.errors import TransientError
from services.runtime.records import Record


class SetBack(TransientError):  # noqa: N818 - says what happened
    """The tables are of an earlier moment than this worker's own work. What was at work had no effect."""


class Marks:
    """The next offset of each partition that this worker read or wrote last."""

    def __init__(self) -> None:
        self._known: dict[Place, int] = {}
        self._found = ""

    def note(self, stored: Mapping[Place, int]) -> None:
        """The tables said so, or say so since a commit."""
        self._known |= stored

    def note_done(self, records: Iterable[Record]) -> None:
        """These records are read, and committed."""
        for record in records:
            place = record.topic, record.partition
            self._known[place] = max(record.offset + 1, self._known.get(place, 0))

    def check(self, stored: Mapping[Place, int]) -> None:
        """Raise `SetBack` when the tables say less than what is known."""
        for place, offset in stored.items():
            known = self._known.get(place, 0)
            if offset < known:
                self._found = f"{place[0]}/{place[1]} was read up to offset {known}, and the tables now say {offset}"
        if self._found:
            raise SetBack(f"the database was set back under this ledger: {self._found}; it ends, and starts again")

    def ready(self) -> list[Check]:
        """Nothing, or that this process must end."""
        return [Check("ledger tables", ok=False, detail=self._found, fatal=True)] if self._found else []


class MarkedPositions:
    """The ledger's positions, noting what they say."""

    def __init__(self, positions: LedgerPositions, marks: Marks) -> None:
        self._positions = positions
        self._marks = marks

    async def take_over(self, partitions: Collection[Place], owner: str) -> dict[Place, int]:
        """As `LedgerPositions`; raises `SetBack` when the tables say less than this worker knows."""
        stored = await self._positions.take_over(partitions, owner)
        self._marks.check(stored)
        self._marks.note(stored)
        return stored
