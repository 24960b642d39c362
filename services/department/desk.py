"""The desk at which one assignment is answered: each answer is an event with an id that a repeat has too."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

from pydantic import ValidationError

from events import answers
from events.answers import Contact, CustomSolution, DepartmentAnswer, Outcome
from events.catalogue import PREFIX
from events.envelope import canonical
from events.faults import Fault, Unreadable, faults_of
from events.identifiers import loop_id
from events.reading import read_input
from services.runtime.clock import Clock
from services.runtime.errors import KoikarperError

Send = Callable[[UUID, dict[str, Any]], Awaitable[None]]
"""Publishes an answer about a signal; returns when all replicas have it."""


class AnswerError(KoikarperError):
    """An answer that the loop would not read: a fault in the department's own program. Nothing was sent."""


class Office(NamedTuple):
    """The department that answers, at whichever desk."""

    source: str
    by: str
    """The role in which it answers, where an answer names no other."""
    send: Send
    clock: Clock


class Desk:
    """Answers one assignment on one occasion: what led to the answer, an event or a decision of the department's own.

    The same answer on the same occasion is the same event, however often it is sent: the ledger records it once. So
    what an answer says must not depend on the present moment: count from the assignment's own moments.
    """

    __slots__ = ("_occasion", "_office", "assignment", "entry", "signal")

    def __init__(self, office: Office, assignment: UUID, signal: UUID, occasion: str, entry: Any = None) -> None:
        """`occasion` names what led to the answers.

        `entry` is what the journal gave: with a journal in a database, the transaction in which to write one's own
        work.
        """
        self.assignment = assignment
        self.signal = signal
        self.entry = entry
        self._occasion = occasion
        self._office = office

    async def acknowledge(self, *, contact: Contact, note: str | None = None, by: str | None = None) -> str:
        """This is ours, we have read it; `contact` is whom the team can call. Answers the event's id.

        This and every answer raises `AnswerError` for what the loop would not read, `TransientError` while the
        broker is away: a handler lets that pass, and is called again.
        """
        return await self._answer("acknowledged", answers.Acknowledged, by, contact=contact, note=note)

    async def hand_over(self, to: str, reason: str, *, by: str | None = None) -> str:
        """It is not ours but the department's with the code `to`; the clock runs on. Answers the event's id."""
        return await self._answer("handed-over", answers.HandedOver, by, to=to, reason=reason)

    async def extend(self, until: datetime, reason: str, *, by: str | None = None) -> str:
        """A new date (aware), later than the one that stands; the first stays on record. Answers the event's id."""
        return await self._answer("extended", answers.Extended, by, until=until, reason=reason)

    async def resolve(
        self,
        outcome: Outcome,
        explanation: str,
        *,
        custom_solution: CustomSolution | None = None,
        by: str | None = None,
    ) -> str:
        """It is done, and how. Answers the event's id."""
        return await self._answer(
            "resolved",
            answers.Resolved,
            by,
            outcome=outcome,
            explanation=explanation,
            custom_solution=custom_solution,
        )

    async def _answer(self, name: str, model: type[DepartmentAnswer], by: str | None, **fields: Any) -> str:
        try:
            data = model.model_validate({"assignment": self.assignment, "by": by or self._office.by, **fields})
            event = answer_event(data, name, source=self._office.source, occasion=self._occasion)
            read_input(event, self._office.clock(), strict=True)
        except ValidationError as error:
            _refuse(name, faults_of(error))
        except Unreadable as error:
            _refuse(name, error.faults)
        await self._office.send(self.signal, event)
        return str(event["id"])


def answer_event(data: DepartmentAnswer, name: str, *, source: str, occasion: str) -> dict[str, Any]:
    """The event of an answer. Its id follows from the occasion, the type and the whole content.

    It has no `time`: a repeat must be equal in `time` too (contract 1), and the loop goes by the broker's moment. The
    occasion is part of the id because the same words can be said twice: resolved, contested, and resolved again.
    """
    type_ = f"{PREFIX}.assignments.{name}.v1"
    body = data.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "specversion": "1.0",
        "id": loop_id("answer", occasion, type_, canonical(body).decode()),
        "source": source,
        "type": type_,
        "datacontenttype": "application/json",
        "data": body,
    }


def _refuse(name: str, faults: Iterable[Fault]) -> NoReturn:
    raise AnswerError(f"The answer {name} was not sent: {'; '.join(map(str, faults))}")
