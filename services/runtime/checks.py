"""What a service is, and what it says of itself."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a service needs: whether it is so, and what an operator should know of it."""

    name: str
    ok: bool
    detail: str = ""
    fatal: bool = False
    """It will not come right by itself: `run` stops the process, so that whoever watches it starts a fresh one."""


class Service(Protocol):
    """Something that runs until it is stopped; `start` returns when it works, `stop` when nothing of it is left."""

    name: str

    async def start(self) -> None:
        """Start; an error leaves nothing running."""

    async def stop(self) -> None:
        """Stop in good order; harmless when not started."""

    async def ready(self) -> list[Check]:
        """What the service needs, and whether it has it; quick, and never raises."""
        ...
