"""Seeing that the horizon stands still: said once, and again every few minutes, with the partitions that hold it."""

import logging
from collections.abc import Callable
from datetime import timedelta

from services.timekeeper.horizon import Horizon
from services.timekeeper.metrics import Metrics

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 300.0
NAMED_MAX = 5


class Stalling:
    """Is told every horizon; `seconds` is a clock that never goes back (`time.monotonic`)."""

    def __init__(self, limit: timedelta, metrics: Metrics, seconds: Callable[[], float]) -> None:
        self._limit = limit.total_seconds()
        self._metrics = metrics
        self._seconds = seconds
        self._moved = seconds()
        self._told: float | None = None
        self._last: Horizon | None = None

    @property
    def detail(self) -> str:
        """What an operator should know, or an empty string while the horizon moves."""
        if self._told is None or self._last is None:
            return ""
        return f"time has stood still for {self._seconds() - self._moved:.0f} s; {_held(self._last)}"

    def note(self, horizon: Horizon) -> None:
        """Take note of the horizon as it is now."""
        if self._last is None or horizon.at != self._last.at:
            self._moves()
        self._last = horizon
        self._metrics.horizon.set(horizon.at.timestamp() if horizon.at else 0)
        if self._seconds() - self._moved > self._limit:
            self._stands(horizon)

    def _moves(self) -> None:
        if self._told is not None:
            _log.info("Time passes again after %.0f s", self._seconds() - self._moved)
        self._moved, self._told = self._seconds(), None
        self._metrics.stalled.set(0)
        self._metrics.holding.set(0)

    def _stands(self, horizon: Horizon) -> None:
        self._metrics.stalled.set(1)
        self._metrics.holding.set(len(horizon.held_by))
        if self._told is None or self._seconds() - self._told >= AGAIN_SECONDS:
            self._told = self._seconds()
            standing = self._seconds() - self._moved
            _log.warning("Time has stood still for %.0f s and nobody is accused: %s", standing, _held(horizon))


def _held(horizon: Horizon) -> str:
    named = ", ".join(f"{topic}/{partition}" for topic, partition in horizon.held_by[:NAMED_MAX])
    more = len(horizon.held_by) - NAMED_MAX
    rest = f" and {more} more partitions" if more > 0 else ""
    how = f"read until {horizon.at.isoformat()} at most (less the settle time)" if horizon.at else "never read"
    return f"{named}{rest}: {how}; is a ledger running, and does Kafka answer?"
