"""The rounds that are under way, and how many there may be."""

import time
from collections.abc import Callable
from uuid import UUID

from services.agreements.canary import KEPT
from services.canary.metrics import Metrics

UNDER_WAY_MAX = 10
"""While the loop stands still no more are sent than these in `KEPT`: each of them tells that it goes again."""


class Rounds:
    """In memory only: after a restart what was under way closes uncounted, or is removed by the ledger."""

    def __init__(self, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._under_way: dict[UUID, float] = {}

    @property
    def under_way(self) -> int:
        """How many began and did not close."""
        self._give_up()
        return len(self._under_way)

    def may_send(self) -> bool:
        """Whether another can be sent."""
        return self.under_way < UNDER_WAY_MAX

    def begin(self, signal: UUID) -> None:
        """One is about to be sent: it may have come round before the gateway has answered."""
        self._under_way[signal] = self._clock()
        self._metrics.under_way.set(len(self._under_way))

    def closed(self, signal: UUID) -> None:
        """One came round."""
        self._under_way.pop(signal, None)
        self._metrics.step("closed")
        self._metrics.under_way.set(len(self._under_way))

    def _give_up(self) -> None:
        before = self._clock() - KEPT.total_seconds()
        self._under_way = {signal: since for signal, since in self._under_way.items() if since > before}
        self._metrics.under_way.set(len(self._under_way))
