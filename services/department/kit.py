"""A department's own program: subscribe, take in each assignment once, answer. `README.md` shows one in ten lines."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry

from events import catalogue
from events.answers import Contact, CustomSolution
from events.envelope import STRUCTURED_HEADERS, encode
from events.signals import Rule
from services.department import received
from services.department.beside import beside_each_other
from services.department.desk import AnswerError, Desk, Office
from services.department.file_journal import FileJournal
from services.department.journal import Journal
from services.department.received import Assignment, Call, Closing, Contest, Missed, Refusal
from services.runtime import clock as runtime_clock
from services.runtime.broker import Publisher
from services.runtime.checks import Check
from services.runtime.consumer import Consumer
from services.runtime.dead_letters import DeadLetters
from services.runtime.errors import KoikarperError, PermanentError
from services.runtime.logging import audit
from services.runtime.records import Record
from services.runtime.service import main
from services.runtime.settings import Settings

__all__ = [
    "AnswerError",
    "Assignment",
    "Call",
    "Closing",
    "Contact",
    "Contest",
    "CustomSolution",
    "Department",
    "Desk",
    "Missed",
    "Refusal",
    "Rule",
]

_log = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[None]])
TakeIn = TypeVar("TakeIn", bound=Callable[[Assignment, Desk], Awaitable[None]])
HearCall = TypeVar("HearCall", bound=Callable[[Call], Awaitable[None]])
HearMissed = TypeVar("HearMissed", bound=Callable[[Missed], Awaitable[None]])
HearContest = TypeVar("HearContest", bound=Callable[[Contest], Awaitable[None]])
HearClosing = TypeVar("HearClosing", bound=Callable[[Closing], Awaitable[None]])
HearRefusal = TypeVar("HearRefusal", bound=Callable[[Refusal], Awaitable[None]])


class Department:
    """Subscribes a department; a service like any other (`start`, `stop`, `ready`), or alone with `run()`.

    Handlers are `async` functions, registered with the decorators below; each event is given to its handler in the
    topic's order (see `at_once`), and counts as taken in once the handler returned. A handler that raises is called
    again, with a wait that grows: for ever after a `TransientError` or an `OSError`; otherwise `attempts_max` times,
    and then the record becomes a dead letter and the rest goes on.
    """

    def __init__(
        self,
        settings: Settings,
        code: str,
        *,
        source: str,
        by: str = "medewerker",
        journal: Journal | None = None,
        at_once: int = 1,
        clock: runtime_clock.Clock = runtime_clock.now,
    ) -> None:
        """`source` is one that the agreements list for the department; `by` the role in which it answers.

        Without a `journal` it keeps one in the folder `<code>.journal` of the working directory. With `at_once`, so
        many handlers may be at work beside each other, each on another signal; the events of one signal keep their
        order. After a crash those that were at work are called again.
        """
        self.name = f"department-{code}"
        self.code = code
        self._settings = settings
        self._office = Office(source, by, self._send, clock)
        self._at_once = at_once
        self._journal: Journal = FileJournal(Path(f"{code}.journal")) if journal is None else journal
        self._handlers: dict[str, Callable[..., Awaitable[None]]] = {}
        self.registry = CollectorRegistry()
        self._publisher = Publisher(settings, client=self.name, registry=self.registry)
        self._dead_letters = DeadLetters(self._publisher, self.name)
        self._consumer = Consumer(
            settings,
            service=self.name,
            topics=[catalogue.department_assignments(code)],
            work=self._work,
            reject=self._reject,
            registry=self.registry,
        )

    def assigned(self, handler: TakeIn) -> TakeIn:
        """Called once with each assignment, and the desk at which to answer it."""
        return self._register(received.ASSIGNED, handler)

    def reminded(self, handler: HearCall) -> HearCall:
        """Called when an answer is due soon, or is late."""
        return self._register(received.REMINDED, handler)

    def escalated(self, handler: HearCall) -> HearCall:
        """Called when somebody is called in: over an assignment of one's own, or oneself over another's."""
        return self._register(received.ESCALATED, handler)

    def deadline_missed(self, handler: HearMissed) -> HearMissed:
        """Called when a promise was not kept."""
        return self._register(received.DEADLINE_MISSED, handler)

    def contested(self, handler: HearContest) -> HearContest:
        """Called when the team says that it is not solved: `data.assignments` (None: all resolved) are open again."""
        return self._register(received.CONTESTED, handler)

    def closed(self, handler: HearClosing) -> HearClosing:
        """Called when a signal that was assigned here is closed."""
        return self._register(received.CLOSED, handler)

    def refused(self, handler: HearRefusal) -> HearRefusal:
        """Called when an answer of this department cannot be; `data.event.id` is what the desk gave for it."""
        return self._register(received.REFUSED, handler)

    def desk(self, assignment: UUID, signal: UUID, *, occasion: str) -> Desk:
        """The desk for an answer that comes later than the assignment: once people have decided.

        `occasion` names, in the department's own system, what led to it (a decision's number): the same answer on
        the same occasion is the same event.
        """
        return Desk(self._office, assignment, signal, f"{self.code}\n{occasion}")

    def run(self) -> None:
        """Run until SIGTERM or Ctrl-C, with health on `metrics_port`."""
        main(lambda _: [self], self._settings)

    async def start(self) -> None:
        """Open the journal and subscribe; an error leaves nothing running."""
        if received.ASSIGNED not in self._handlers:
            raise KoikarperError(f"{self.name} has no handler for assignments; register one with `assigned`")
        try:
            await self._journal.open()
            await self._publisher.start()
            await self._consumer.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish the assignment at hand, and leave."""
        await self._consumer.stop()
        await self._publisher.stop()
        await self._journal.close()

    async def ready(self) -> list[Check]:
        """Whether the department's topic is read, or another instance reads it."""
        return [self._consumer.ready()]

    def _register(self, type_: str, handler: Handler) -> Handler:
        if inspect.iscoroutinefunction(handler) is False:
            raise KoikarperError(f"{getattr(handler, '__name__', handler)!s} is no handler: define it with `async def`")
        if type_ in self._handlers:
            raise KoikarperError(f"{self.name} has two handlers for {type_}; one must do")
        self._handlers[type_] = handler
        return handler

    async def _work(self, records: Sequence[Record]) -> None:
        if self._at_once > 1 and len(records) > 1:
            await beside_each_other(self._hear, records, self._at_once)
        else:
            for record in records:
                await self._hear(record)

    async def _hear(self, record: Record) -> None:
        heard = received.read(record, self.code)
        if heard is None:
            _log.info("%s: a newer version of the loop tells at offset %d what this kit does not know", *_at(record))
            return
        handler = self._handlers.get(heard.type)
        if handler is None:
            return
        async with self._journal.taking_in(heard.key) as entry:
            if entry is None:
                return
            if heard.type == received.ASSIGNED:
                data: Any = heard.data
                occasion = f"{heard.key.source}\n{heard.key.id}"
                await handler(heard, Desk(self._office, data.assignment, data.signal, occasion, entry))
            else:
                await handler(heard)

    async def _send(self, signal: UUID, event: dict[str, Any]) -> None:
        topic = catalogue.department_answers(self.code)
        await self._publisher.send(topic, str(signal).encode(), encode(event), STRUCTURED_HEADERS)
        verb = event["type"].removeprefix(f"{catalogue.PREFIX}.assignments.").removesuffix(".v1")
        audit(verb, f"assignment {event['data']['assignment']}", "done", origin=topic, actor=event["data"]["by"])

    async def _reject(self, record: Record, error: PermanentError, attempts: int) -> None:
        await self._dead_letters.reject(record, error, attempts)
        _log.error("%s, offset %d, is a dead letter after %d attempts: %s", *_at(record), attempts, error)


def _at(record: Record) -> tuple[str, int]:
    return record.topic, record.offset
