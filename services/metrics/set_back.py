"""A ledger whose database was set back to a backup knows less than it told: until it has caught up, none is told anew.

Prometheus takes a counter that fell for one that began again at 0, and counts the whole of it once more: for as long
as the window of `increase()` is, every figure would be wrong. And what a department answered since the backup would
count as late. So the last snapshot is served on, with its own moment, and readiness says why.
"""

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from services.ledger.setback import was_set_back
from services.metrics.snapshot import Snapshot
from services.runtime.errors import TransientError
from services.runtime.settings import Settings

ASK_SECONDS = 5.0
"""So long Kafka may take to tell what was committed; who does not know serves what there is."""

_log = logging.getLogger(__name__)


class SetBackLedger(TransientError):  # noqa: N818 - says what happened
    """The ledger's tables are of an earlier moment than what it told; it will catch up."""


class SetBackWatch:
    """Asks Kafka at the first snapshot, and then only when a counter is less than it was: it costs a connection."""

    def __init__(self, settings: Settings, engine: AsyncEngine, topics: Sequence[str]) -> None:
        self._settings = settings
        self._engine = engine
        self._topics = topics
        self._known: dict[tuple[str, str], int] | None = None

    async def check(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot that may be served; raises `SetBackLedger` when it may not."""
        counters = {(row.name, row.labels): row.value for row in snapshot.counters}
        if (self._known is None or _fell(self._known, counters)) and await self._set_back():
            raise SetBackLedger("the database was set back to a backup; new figures come when the ledger has caught up")
        self._known = counters

    async def _set_back(self) -> bool:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await was_set_back(self._settings, self._engine, "ledger", self._topics)
        except (TransientError, TimeoutError) as error:
            _log.info("Whether the ledger was set back is not known: %s", error)
            return False


def _fell(before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]) -> bool:
    return any(after.get(key, 0) < value for key, value in before.items())
