"""Which lanes wait because a row of theirs failed, and until when. Pure: the moment is an argument."""

import random
from collections.abc import Callable
from uuid import UUID

from services.relay.rows import Lane
from services.runtime.backoff import Backoff

HOLDS_MAX = 10_000
"""More lanes are not held apart: then the fault is no longer a row's, and all publishing slows down instead."""
FORGOTTEN_SECONDS = 600.0
"""A lane that has been due for so long has no rows any more (an operator removed them)."""


class Hold:
    """One lane that waits."""

    __slots__ = ("backoff", "until")

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.until = 0.0


class Holds:
    """Each failure of a lane makes it wait longer, up to a limit; a success lets it go. Moments are in seconds."""

    def __init__(self, first_seconds: float, max_seconds: float, jitter: Callable[[], float] = random.random) -> None:
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._jitter = jitter
        self._holds: dict[Lane, Hold] = {}

    def __len__(self) -> int:
        """How many lanes have failed and not yet succeeded."""
        return len(self._holds)

    @property
    def full(self) -> bool:
        """No more lanes may wait."""
        return len(self._holds) >= HOLDS_MAX

    def __contains__(self, lane: Lane) -> bool:
        """Whether the lane failed the last time that it was tried."""
        return lane in self._holds

    def hold(self, lane: Lane, now: float) -> int:
        """The lane waits, unless too many do; answers how often it has failed in a row."""
        hold = self._holds.get(lane)
        if hold is None and self.full:
            return 1
        if hold is None:
            hold = self._holds[lane] = Hold(Backoff(self._first_seconds, self._max_seconds, self._jitter))
        hold.until = now + hold.backoff.next_seconds()
        return hold.backoff.failures

    def release(self, lane: Lane) -> None:
        """The lane goes on; harmless when it did not wait."""
        self._holds.pop(lane, None)

    def waiting(self, now: float) -> list[Lane]:
        """The lanes that are not to be tried yet."""
        for lane in [lane for lane, hold in self._holds.items() if hold.until + FORGOTTEN_SECONDS < now]:
            del self._holds[lane]
        return [lane for lane, hold in self._holds.items() if hold.until > now]

    def seconds_until_due(self, now: float) -> float | None:
        """Until the next lane may be tried again; None when none waits."""
        return min((hold.until - now for hold in self._holds.values() if hold.until > now), default=None)


def split(lanes: list[Lane]) -> tuple[list[UUID], list[int]]:
    """Signals, and rows without a signal: as the database is asked to leave them out."""
    signals = [lane for lane in lanes if isinstance(lane, UUID)]
    return signals, [lane for lane in lanes if isinstance(lane, int)]
