"""What Kafka and PostgreSQL have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from services.local.children import Command

Progress = Callable[[str], None]
"""Is told, in short sentences, what is being done."""

_TAIL = 3000


class Part(Protocol):
    """A server that runs as a child process in the data folder."""

    @property
    def name(self) -> str:
        """As users know it."""
        ...

    @property
    def address(self) -> str:
        """What its clients are told."""
        ...

    @property
    def logs(self) -> Sequence[Path]:
        """The files that it writes."""
        ...

    def prepare(self, progress: Progress) -> None:
        """Make or mend what it needs before it can start. Blocks."""
        ...

    def command(self) -> Command:
        """The server itself."""
        ...

    async def answers(self) -> bool:
        """Whether clients are served."""
        ...

    def release(self) -> None:
        """Let go of reserved ports: the server listens, or never will."""
        ...


def tail(part: Part) -> str:
    """The last of each of its logs, for an error."""
    tails = []
    for log in part.logs:
        with contextlib.suppress(FileNotFoundError):
            text = log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
            tails.append(f"{log}:\n{text or '(empty)'}")
    return "\n".join(tails)
