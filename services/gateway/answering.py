"""The answers that need no envelope: their events, and what the ledger already knows against them."""

import uuid
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from events import catalogue
from events.answers import DepartmentAnswer, TeamAnswer
from events.envelope import digest, read_json, structured
from events.faults import Fault, Unreadable
from events.identifiers import NAMESPACE, AssignmentId, SignalId
from events.reading import Event, check_input
from services.gateway.admission import conflicting, not_theirs
from services.gateway.callers import Caller
from services.gateway.parts import Parts
from services.gateway.problems import Problem, invalid, mistakes
from services.ledger.book import Book
from services.ledger.known import digests
from services.ledger.lifecycle import Said, decide
from services.ledger.state import State
from services.ledger.store import load_states, signals_of

CALLS = {
    "acknowledge": "assignments.acknowledged",
    "hand-over": "assignments.handed-over",
    "extend": "assignments.extended",
    "resolve": "assignments.resolved",
    "confirm": "signals.confirmed",
    "contest": "signals.contested",
    "withdraw": "signals.withdrawn",
    "record-contact": "signals.contact-recorded",
}
"""Each call and the event that it makes."""

NOT_YOURS = ("not-your-assignment", "not-your-signal")

Found = tuple[bytes | None, State | None, Book]
"""The digest under which the event is recorded, the state that it answers, and the agreements by which it goes."""


def type_of(call: str) -> str:
    """The type of the event that a call makes."""
    return f"{catalogue.PREFIX}.{CALLS[call]}.v1"


def subject_of(call: str) -> str:
    """The field of the event that holds the id in the path: `assignment` or `signal`."""
    return "assignment" if CALLS[call].startswith("assignments.") else "signal"


def event_of(call: str, id_: UUID, body: bytes, key: str | None, caller: Caller, parts: Parts) -> Event:
    """The event that a call makes, checked as any other; a problem 400 or 403 when it cannot be.

    With an idempotency key the id follows from caller and key, and `time` is left out: so each repeat of the call is
    the same event, byte for byte in what counts.
    """
    now = parts.clock()
    data = {subject_of(call): str(id_), **_data(body, subject_of(call))}
    event_id = uuid.uuid4() if key is None else uuid.uuid5(NAMESPACE, f"{caller}\n{key}")
    raw = structured(id_=str(event_id), source=parts.agreements.source, type_=type_of(call), time=now, data=data)
    if key is not None:
        del raw["time"]
    event, faults = check_input(raw, now, strict=True)
    if faults or event is None:
        raise invalid(mistakes(Fault(where.removeprefix("data").removeprefix("."), what) for where, what in faults))
    if not_theirs(event, caller, parts.agreements):
        raise Problem(403, f"To {call} is for a {_whose(event)}, and the caller is {caller}. Nothing was sent.")
    return event


async def check_with_ledger(event: Event, caller: Caller, parts: Parts) -> UUID | None:
    """The signal that is answered; a problem 404, 403 or 409 when the ledger already knows that it cannot be.

    While the database is away nothing is known: then the ledger decides later, and tells the sender on its topic.
    """
    found = await parts.reader.ask(lambda connection: _find(connection, event, parts))
    if found is None:
        return event.data.signal if isinstance(event.data, TeamAnswer) else None
    recorded, state, book = found
    if recorded is not None and recorded != digest(event.raw):
        fault = Fault("Idempotency-Key", "was used for another answer; take a new one")
        raise conflicting(mistakes([fault], in_="header"))
    if state is None:
        raise Problem(404, "The ledger knows no such assignment or signal. Nothing was sent.")
    if recorded is None:  # a repeat of what is recorded is no new answer, so it is not refused as one
        _try(state, event, caller, parts, book)
    return state.signal.id


def _whose(event: Event) -> str:
    return "department" if isinstance(event.data, DepartmentAnswer) else "team"


def _data(body: bytes, subject: str) -> dict[str, Any]:
    try:
        data = read_json(body)
    except Unreadable as error:
        raise invalid(mistakes(error.faults)) from None
    if not isinstance(data, dict):
        raise invalid(mistakes([Fault("", "must be a JSON object: the data of the answer")]))
    if subject in data:
        raise invalid(mistakes([Fault(subject, "stands in the path already; leave it out")]))
    return data


async def _find(connection: AsyncConnection, event: Event, parts: Parts) -> Found:
    signal = await _signal_of(connection, event)
    states = await load_states(connection, [signal], lock=False) if signal else {}
    state = states.get(signal) if signal else None
    versions = {item.agreements for item in state.assignments.values()} if state else set()
    book = await parts.books.complete(connection, versions)
    key = (event.source, event.id)
    return (await digests(connection, [key])).get(key), state, book


async def _signal_of(connection: AsyncConnection, event: Event) -> SignalId | None:
    if isinstance(event.data, DepartmentAnswer):
        assignment = AssignmentId(event.data.assignment)
        return (await signals_of(connection, [assignment])).get(assignment)
    return SignalId(event.data.signal) if isinstance(event.data, TeamAnswer) else None


def _try(state: State, event: Event, caller: Caller, parts: Parts, book: Book) -> None:
    """Let the core decide as the ledger will, and raise its refusal as a problem."""
    if caller.sender is None:
        return
    refusal = decide(state, Said(event, caller.sender), parts.clock(), book).refusal
    if refusal is not None:
        status = 403 if refusal.code in NOT_YOURS else 409
        detail = f"{refusal.explanation[:1].upper()}{refusal.explanation[1:]}. Nothing was sent."
        raise Problem(status, detail, code=refusal.code)
