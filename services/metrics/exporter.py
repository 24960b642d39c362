"""The exporter as a service: in the background it looks at the ledger every so often, and serves what it saw last."""

import asyncio
import logging
from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ledger.books import LedgerBooks
from services.metrics.beside import Beside
from services.metrics.collector import SnapshotCollector
from services.metrics.disks import Disks
from services.metrics.families import families
from services.metrics.label_sets import label_sets
from services.metrics.reading import Reading
from services.metrics.set_back import SetBackWatch
from services.metrics.snapshot import Snapshot, take
from services.runtime.backoff import Backoff
from services.runtime.checks import Check
from services.runtime.clock import Clock
from services.runtime.database import transient_errors
from services.runtime.errors import TransientError
from services.runtime.settings import Settings
from services.runtime.tasks import ended

_log = logging.getLogger(__name__)


class Exporter:
    """Reads the ledger, writes nothing, and never fails a scrape; without the database its snapshot grows old."""

    name = "metrics"

    def __init__(
        self,
        settings: Settings,
        engine: AsyncEngine,
        books: LedgerBooks,
        registry: CollectorRegistry,
        clock: Clock,
        *,
        departments: Sequence[str] = (),
        topics: Sequence[str] = (),
    ) -> None:
        """`departments` are those of which Kafka is asked what their programs have read; `topics` the ledger reads."""
        self.registry = registry
        self._settings = settings
        self._engine = engine
        self._books = books
        self._clock = clock
        self._every = settings.snapshot_every.total_seconds()
        self._backoff = Backoff(min(settings.backoff_first.total_seconds(), self._every), self._every)
        self._collector = SnapshotCollector()
        self._task: asyncio.Task[None] | None = None
        self._last: Snapshot | None = None
        self._set_back = SetBackWatch(settings, engine, topics)
        self._trouble = ""
        registry.register(self._collector)
        self._reading = Reading(settings, departments, clock)
        self.beside = (
            Beside("what departments have read", self._reading.look, self._every),
            Beside("the disks", Disks(settings.disks).look, self._every),
        )
        """What is looked at beside the ledger."""
        for beside in self.beside:
            registry.register(beside.collector)

    async def start(self) -> None:
        """Begin to look; without a database it begins all the same, and looks until there is one."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        for beside in self.beside:
            beside.start()

    async def stop(self) -> None:
        """Look no more; harmless when not started. What was seen last is still served."""
        task, self._task = self._task, None
        await ended(task)
        await asyncio.gather(*(beside.stop() for beside in self.beside))
        await self._reading.close()
        await self._engine.dispose()

    async def ready(self) -> list[Check]:
        """Whether it has a snapshot and could take the last one that it tried."""
        if self._task is None or self._task.done():
            return [Check(self.name, ok=False, detail="not running")]
        if self._last is None:
            return [Check(self.name, ok=False, detail=self._trouble or "takes its first snapshot")]
        detail = f"snapshot of {self._last.at.isoformat()}"
        return [Check(self.name, ok=not self._trouble, detail="; ".join(filter(None, (self._trouble, detail))))]

    async def look(self) -> None:
        """Take one snapshot and serve it; raises `TransientError` when the database is away, or was set back."""
        async with transient_errors(), self._engine.connect() as pooled:
            connection = await pooled.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            snapshot = await take(connection, self._clock())
            book = await self._books.complete(connection, snapshot.versions)
            idle = await self._books.idle_topics(connection)
        await self._set_back.check(snapshot)
        sets = label_sets(list(book.versions.values()), self._settings.input_topics, idle)
        self._collector.show(await asyncio.to_thread(families, snapshot, sets))
        self._last = snapshot

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the last snapshot is served on, and its age is told
                self._note(error)
                await asyncio.sleep(self._backoff.next_seconds())
                continue
            self._trouble = ""
            self._backoff.reset()
            await asyncio.sleep(self._every)

    def _note(self, error: Exception) -> None:
        known = isinstance(error, TransientError | OSError)
        if not self._trouble:
            _log.warning("No snapshot for now: %s", error, exc_info=None if known else error)
        self._trouble = str(error) or type(error).__name__
