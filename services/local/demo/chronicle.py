"""What happened lately, for the eye, and when the first assignment was acknowledged, for the benchmark."""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from events.moments import AMSTERDAM

LINES_MAX = 10


@dataclass
class Chronicle:
    """The last lines, how often each type of event was heard, and the first acknowledgement."""

    begun: float = field(default_factory=time.monotonic)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_MAX))
    heard: Counter[str] = field(default_factory=Counter)
    first_acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    seconds_to_first: float | None = None

    def tell(self, at: datetime, line: str) -> None:
        """Add a line, with its moment on the town's clock."""
        self.lines.append(f"{at.astimezone(AMSTERDAM):%H:%M:%S}  {line}")

    def count(self, name: str) -> None:
        """Count an event, and note the first acknowledgement."""
        self.heard[name] += 1
        if name == "assignments.acknowledged" and self.seconds_to_first is None:
            self.seconds_to_first = time.monotonic() - self.begun
            self.first_acknowledged.set()
