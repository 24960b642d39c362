"""What is looked at beside the ledger, each in a task of its own: one that hangs delays no scrape and no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client.core import Metric

from services.metrics.collector import SnapshotCollector
from services.runtime.tasks import ended

_log = logging.getLogger(__name__)


class Beside:
    """Looks every `every_seconds`, and serves in `collector` what the last look found.

    `look` answers with what it knows now, and leaves out what it does not; one that raises is a fault in it, and then
    nothing of it is served.
    """

    def __init__(self, what: str, look: Callable[[], Awaitable[Sequence[Metric]]], every_seconds: float) -> None:
        self.collector = SnapshotCollector()
        self._what = what
        self._look = look
        self._every_seconds = every_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look; harmless when it does."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more; harmless when not started. What was seen last is still served."""
        task, self._task = self._task, None
        await ended(task)

    async def look(self) -> None:
        """Look once and serve what is found."""
        try:
            self.collector.show(tuple(await self._look()))
        except Exception:  # noqa: BLE001 - the ledger's figures must not be lost with these
            self.collector.show(())
            _log.exception("Could not look at %s", self._what)

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every_seconds)
