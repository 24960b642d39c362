"""The department to which the canary goes: an ordinary one, with the kit that departments have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from events.signals import CANARY
from services.agreements.canary import KEPT
from services.canary.metrics import Metrics
from services.department.journal import EventKey
from services.department.kit import Assignment, Department, Desk
from services.runtime.clock import Clock
from services.runtime.settings import Settings

EXPLANATION = "The canary came this far."


class Forgetful:
    """A journal that keeps nothing: an answer that is given twice is the same event, and nothing else is done."""

    async def open(self) -> None:
        """Nothing is kept, so nothing is opened."""

    async def close(self) -> None:
        """As above."""

    @asynccontextmanager
    async def taking_in(self, event: EventKey) -> AsyncIterator[EventKey | None]:
        """Every event is as new."""
        yield event


def department(settings: Settings, source: str, metrics: Metrics, clock: Clock) -> Department:
    """Resolves at once what is assigned to it, save what began longer ago than a round may take."""
    kit = Department(settings, CANARY, source=source, by=CANARY, journal=Forgetful(), clock=clock)

    @kit.assigned
    async def answer(heard: Assignment, desk: Desk) -> None:
        metrics.step("assigned")
        if heard.at - heard.data.waiting_since <= KEPT:  # both by the broker's clock
            await desk.resolve("not-needed", EXPLANATION)

    return kit
