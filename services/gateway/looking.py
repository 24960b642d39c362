"""A look at the ledger before events are sent: one question for all who ask at a time.

A question costs the gateway more than all its other work for an event. While one is under way the callers that come
meanwhile are gathered, and the next question is theirs together; who comes alone is asked for at once.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from events.answers import DepartmentAnswer, TeamAnswer
from events.reading import Event
from services.gateway.reader import LedgerReader
from services.gateway.recordings import Key
from services.ledger.known import assignment_owners, digests_now, signal_owners
from services.runtime.tasks import ended

EVENTS_MAX = 1_000
"""Of one question, if several callers' events can be kept below it: a caller's own are never parted."""
TURN_SECONDS_MAX = 0.5
"""How long one connection is asked again and again; well below the reader's patience with it."""
PAUSE_SECONDS = 0.005
"""How long it is kept for who comes next."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of some events, and maybe of others."""

    digests: dict[Key, bytes]
    assignments: dict[UUID, tuple[str, UUID]]
    signals: dict[UUID, str]


async def look_up(connection: AsyncConnection, events: Iterable[Event]) -> Known:
    """Ask the ledger about these events."""
    answered = {event.data.assignment for event in events if isinstance(event.data, DepartmentAnswer)}
    named = {event.data.signal for event in events if isinstance(event.data, TeamAnswer)}
    return Known(
        await digests_now(connection, [(event.source, event.id) for event in events]),
        await assignment_owners(connection, answered),
        await signal_owners(connection, named),
    )


@dataclass(slots=True, eq=False)
class _Asker:
    events: Sequence[Event]
    answer: "asyncio.Future[Known | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Looks:
    """Gathers what is asked while a question is under way."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._waiting: list[_Asker] = []
        self._asked: list[_Asker] = []
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def known(self, events: Sequence[Event]) -> Known | None:
        """What the ledger knows of these events now; None while the database is away."""
        if self._reader.away:
            return None
        asker = _Asker(events)
        self._waiting.append(asker)
        self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ask_all())
        return await asker.answer

    async def stop(self) -> None:
        """Answer nobody any more."""
        await ended(self._task)

    async def _ask_all(self) -> None:
        while self._waiting:
            try:
                if await self._reader.ask(self._answer_all, single=True) is None:
                    self._answer([*self._asked, *self._waiting], None)
                    self._waiting = []
            except Exception:  # noqa: BLE001 - whose events cannot be asked for must not fail the others' too
                for asker in self._asked:
                    await self._ask_alone(asker)
            self._asked = []

    async def _answer_all(self, connection: AsyncConnection) -> bool:
        """Answer while somebody asks, and for a moment only: a connection is looked at when it is taken."""
        loop = asyncio.get_running_loop()
        until = loop.time() + TURN_SECONDS_MAX
        while loop.time() < until and await self._somebody():
            self._asked = self._next()
            known = await look_up(connection, [event for asker in self._asked for event in asker.events])
            self._answer(self._asked, known)
        self._asked = []
        return True

    async def _somebody(self) -> bool:
        """Whether somebody asks, now or within the pause: to take a connection anew costs more than to keep it."""
        if not self._waiting:
            self._came.clear()
            enough = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._came.set)
            try:
                await self._came.wait()
            finally:
                enough.cancel()
        return bool(self._waiting)

    def _next(self) -> list[_Asker]:
        """Who is asked for together; those who went away meanwhile are left out."""
        askers: list[_Asker] = []
        count = 0
        waiting = [asker for asker in self._waiting if not asker.answer.done()]
        while waiting and (not askers or count + len(waiting[0].events) <= EVENTS_MAX):
            askers.append(waiting.pop(0))
            count += len(askers[-1].events)
        self._waiting = waiting
        return askers

    async def _ask_alone(self, asker: _Asker) -> None:
        try:
            self._answer(
                [asker], await self._reader.ask(lambda connection: look_up(connection, asker.events), single=True)
            )
        except Exception as error:  # noqa: BLE001 - it is the asker's to handle
            if not asker.answer.done():
                asker.answer.set_exception(error)

    @staticmethod
    def _answer(askers: Iterable[_Asker], known: Known | None) -> None:
        for asker in askers:
            if not asker.answer.done():
                asker.answer.set_result(known)
