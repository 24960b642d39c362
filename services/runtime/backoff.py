"""How long to wait before the next attempt: longer each time, and never in step with others."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubles from `first_seconds` to `max_seconds`; each wait is between half of it and the whole."""

    first_seconds: float
    max_seconds: float
    random: Callable[[], float] = random.random
    failures: int = 0

    def next_seconds(self) -> float:
        """The wait after one more failure."""
        whole = min(self.max_seconds, self.first_seconds * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return whole * (0.5 + self.random() / 2)

    def reset(self) -> None:
        """Something worked: the next wait is the first again."""
        self.failures = 0
