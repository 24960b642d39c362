"""Read until: a partition on which nothing is said is read to its end all the same, and `reading` must say so.

FastStream calls no handler on an empty poll, so a small task of the worker looks (design 2). It goes by the poll
*before* the last one. A poll bears the moment at which its answer was taken from the socket, and after a pause of the
process (a suspended machine, a throttled container, a blocked loop) that answer may be as old as the pause. But the
next fetch is only sent once the last answer was taken: what the broker had by then, the last poll has seen.

A poll's moment is the worker's own clock. When that runs ahead of the database's, it claims so much less: else an hour
put forward by a time server would make every promise of the next hour due at once, and be believed for an hour.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # aiokafka has no py.typed
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ledger.marks import Marks
from services.ledger.positions import Place, stored, watched
from services.runtime.clock import Clock, now
from services.runtime.consumer import Position
from services.runtime.database import transient_errors
from services.runtime.errors import TransientError
from services.runtime.tasks import ended

_log = logging.getLogger(__name__)

LOOKS_IN_SETTLE = 4
LOOK_SECONDS_MIN, LOOK_SECONDS_MAX = 0.1, 2.0
BUSY_SECONDS = 0.05
"""After a look that met a batch at work, which says nothing: the next one soon, between two batches."""
SKEW = timedelta(seconds=1)
"""How far clocks may differ without a word: the settle time allows for it."""

_DATABASE_CLOCK = text("select clock_timestamp()")


class Reader(Protocol):
    """The consumer that is watched."""

    owner: str

    async def read_positions(self) -> Mapping[Place, Position]:
        """How far each of its partitions is read."""
        ...

    def rejoin(self) -> None:
        """Ask Kafka whose the partitions are, and take over anew what is this worker's."""
        ...


class Watching:
    """Keeps `read_until` of a worker's idle partitions current; `start` needs a running event loop."""

    def __init__(
        self,
        engine: AsyncEngine,
        reader: Reader,
        settle: timedelta,
        marks: Marks | None = None,
        *,
        clock: Clock = now,
    ) -> None:
        """`clock` is the one by which `reader` dates its polls."""
        self._engine = engine
        self._marks = marks or Marks()
        self._reader = reader
        self._clock = clock
        self._seconds = min(max(settle.total_seconds() / LOOKS_IN_SETTLE, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX)
        self._polled: dict[Place, datetime] = {}
        self._looks_lost = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more; harmless when not started."""
        task, self._task = self._task, None
        await ended(task)

    async def look(self) -> bool:
        """Look once; False when a batch was at work, so that nothing could be seen.

        Raises `SetBack` when the tables are of an earlier moment than what was read: nothing is noted then.
        """
        positions = await self._reader.read_positions()
        seen = self._seen(positions)
        if seen:
            async with transient_errors(), self._engine.begin() as connection:
                known = await stored(connection, seen)
                self._marks.check({place: offset for place, (offset, _) in known.items()})
                self._look_whose(owner for _, owner in known.values())
                ahead = await self._ahead(connection)
                claimed = {place: (offset, polled - ahead) for place, (offset, polled) in seen.items()}
                await watched(connection, claimed, self._reader.owner)
        return not positions or any(position.read_until for position in positions.values())

    def _look_whose(self, owners: Iterable[str]) -> None:
        """A zombie may have taken a partition over last, and died: nothing is said on it, so no batch finds out.

        Once is a partition on its way to another; then Kafka takes it away from this one before the next look.
        """
        lost = any(owner != self._reader.owner for owner in owners)
        self._looks_lost = self._looks_lost + 1 if lost else 0
        if self._looks_lost > 1:
            self._reader.rejoin()

    def _seen(self, positions: Mapping[Place, Position]) -> dict[Place, tuple[int, datetime]]:
        """Next offset and moment of what is read to its end, by the poll before the last."""
        seen, moment = {}, self._clock()
        for place, position in positions.items():
            if position.next_offset is None or position.read_until is None:
                continue
            last = self._polled.get(place)
            if last is not None and last < position.read_until <= moment:  # a later one is of a clock put back since
                seen[place] = position.next_offset, last
            self._polled[place] = position.read_until
        return seen

    async def _ahead(self, connection: AsyncConnection) -> timedelta:
        """How far this worker's clock runs ahead of the database's; what a slow answer adds errs on the safe side."""
        moment: datetime = (await connection.execute(_DATABASE_CLOCK)).scalar_one()
        ahead = self._clock() - moment
        return ahead if ahead > SKEW else timedelta(0)

    async def _run(self) -> None:
        while True:
            seconds = self._seconds
            try:
                if not await self.look():
                    seconds = min(seconds, BUSY_SECONDS)
            except (TransientError, KafkaError, OSError) as error:
                _log.info("How far the ledger has read cannot be noted now: %s", error)
            except Exception:  # noqa: BLE001 - the ledger reads on; the timekeeper tells that its horizon stands still
                _log.exception("How far the ledger has read cannot be noted")
            await asyncio.sleep(seconds)
