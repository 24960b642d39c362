"""The intake, which names the records that the database refuses instead of only saying that it refuses a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import DBAPIError

from services.ledger.intake import Intake
from services.ledger.reading import Incoming, read_record
from services.ledger.sieve import CarefulEngine, EventKey, RowsRefused
from services.runtime.database import transient_errors
from services.runtime.errors import PermanentError, TransientError
from services.runtime.isolation import UNWORKABLE
from services.runtime.records import Record


@dataclass(slots=True)
class Sifting:
    """Works a batch; when it fails for what is in it, works it once more, carefully."""

    intake: Intake

    async def work(self, records: Sequence[Record]) -> None:
        """Take in a batch; raises as the intake does, and a `PermanentError` names the bad records where it can."""
        try:
            await self.intake.work(records)
        except (TransientError, OSError):
            raise
        except Exception:  # whatever it was: the second time says what it is
            if len(records) == 1:
                raise
            await self._work_carefully(records)

    async def _work_carefully(self, records: Sequence[Record]) -> None:
        engine: Any = CarefulEngine(self.intake.engine)
        try:
            await replace(self.intake, engine=engine).work(records)
        except RowsRefused as refused:
            first, *others = [
                await _meaning(record, refused.errors[key])
                for record, key in self._keys(records)
                if key in refused.errors
            ]
            first.beside = tuple(others)
            raise first from first.__cause__

    def _keys(self, records: Sequence[Record]) -> list[tuple[Record, EventKey]]:
        read = [read_record(record, self.intake.books.book.current) for record in records]
        return [(item.record, (item.event.source, item.event.id)) for item in read if isinstance(item, Incoming)]


async def _meaning(record: Record, error: DBAPIError) -> PermanentError:
    """What the database's error says of the record."""
    try:
        async with transient_errors():
            raise error
    except PermanentError as known:
        meaning = PermanentError(known.reason, known.message, record=record)
    except DBAPIError:
        meaning = PermanentError(UNWORKABLE, f"{type(error).__name__}: {error}", record=record)
    meaning.__cause__ = error
    return meaning
