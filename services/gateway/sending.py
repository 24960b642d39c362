"""From admitted events to the broker: a last look at the ledger, all replicas' word, and a line in the audit log."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, WithJsonSchema
from starlette.requests import Request
from typing_extensions import TypedDict

from events.answers import DepartmentAnswer, TeamAnswer
from events.envelope import STRUCTURED_HEADERS, digest
from events.faults import Fault
from events.reading import Event
from events.signals import CANARY, Report
from services.agreements.senders import Sender
from services.gateway.admission import Submission, conflicting, own_signal, topic_of, with_trace
from services.gateway.callers import Caller
from services.gateway.looking import Known
from services.gateway.parts import Parts
from services.gateway.problems import Mistake, Problem, mistakes
from services.gateway.recordings import Key
from services.gateway.tracing import traceparent
from services.runtime.broker import Message
from services.runtime.logging import audit_all, audited

VERBS = {
    "acknowledged": "acknowledge",
    "handed-over": "hand-over",
    "extended": "extend",
    "resolved": "resolve",
    "confirmed": "confirm",
    "contested": "contest",
    "withdrawn": "withdraw",
    "contact-recorded": "record-contact",
}


class AcceptedEvent(TypedDict):
    """An event that every replica of the broker holds."""

    source: str
    id: str
    signal: Annotated[
        str | None,
        Field(description="The signal that it reports or answers; null while the ledger cannot be asked for it."),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}),
    ]


def refuse_known(submission: Submission, events: Sequence[Event], known: Known, caller: Caller) -> None:
    """Raise a problem for what the ledger knows to be another's (403) or another event (409)."""
    if not (known.digests or known.assignments or known.signals):  # as of most: nothing of them is recorded yet
        return
    foreign: list[Mistake] = []
    changed: list[Mistake] = []
    for number, event in enumerate(events):
        if faults := _foreign(event, known, caller):
            foreign += mistakes(faults, index=submission.index(number))
        recorded = known.digests.get((event.source, event.id))
        if recorded is not None and recorded != digest(event.raw):
            fault = Fault("id", "an earlier event has this source and id, and another type, subject, time or data")
            changed += mistakes([fault], index=submission.index(number))
    if foreign:
        raise Problem(403, f"{caller} may not send this. Nothing was sent.", errors=foreign)
    if changed:
        raise conflicting(changed)


def _foreign(event: Event, known: Known, caller: Caller) -> list[Fault]:
    if isinstance(event.data, DepartmentAnswer):
        owner, _ = known.assignments.get(event.data.assignment, (caller.code, None))
        return [] if owner == caller.code else [Fault("data.assignment", f"is an assignment of {owner}")]
    if isinstance(event.data, TeamAnswer):
        team = known.signals.get(event.data.signal, caller.code)
        return [] if team == caller.code else [Fault("data.signal", f"is a signal of {team}")]
    return []


async def send(
    parts: Parts,
    request: Request,
    caller: Caller,
    events: Sequence[Event],
    encoded: Sequence[bytes],
    signals: Sequence[UUID | None],
) -> list[AcceptedEvent]:
    """Publish the events, each once; answers when every replica has them all and the audit log has a line of each.

    `encoded` is each event as JSON; `signals` the signal of each, as far as it is known.
    """
    sender = caller.sender
    if sender is None:  # admitted nothing, so there is nothing to send
        return []
    trace = traceparent(request.headers)
    messages: dict[Key, Message] = {}
    accepted: list[AcceptedEvent] = []
    for event, body, signal in zip(events, encoded, signals, strict=True):
        named = str(signal) if signal else None
        key = named or str(_assignment(event))
        attributes = event.attributes
        source, id_ = attributes.source, attributes.id
        if (source, id_) not in messages:
            value = with_trace(event.raw, body, trace)
            messages[source, id_] = Message(topic_of(event, sender), key.encode(), value, STRUCTURED_HEADERS)
        accepted.append({"source": source, "id": id_, "signal": named})
    await parts.outlet.send(list(messages.values()))
    _note(request, sender, events, accepted)
    return accepted


def signals_of(events: Sequence[Event], known: Known | None) -> list[UUID | None]:
    """The signal of each event: its own, or that of the assignment that it answers, as far as the ledger knows."""
    owners = known.assignments if known else {}
    found: list[UUID | None] = []
    for event in events:
        signal = own_signal(event)
        if signal is None and isinstance(event.data, DepartmentAnswer):
            owner = owners.get(event.data.assignment)
            signal = owner[1] if owner else None
        found.append(signal)
    return found


def _note(request: Request, sender: Sender, events: Sequence[Event], accepted: Sequence[AcceptedEvent]) -> None:
    """A line in the audit log of what people do; the canary's two a minute would be nearly all that it holds."""
    if sender[1] == CANARY:
        return
    origin = request.client.host if request.client else ""
    actor = ":".join(sender)
    audit_all(
        [
            audited(
                _verb(event),
                _object(event, one["signal"]),
                "done",
                origin=origin,
                actor=actor,
                source=one["source"],
                event_id=one["id"],
            )
            for event, one in zip(events, accepted, strict=True)
        ]
    )


def _verb(event: Event) -> str:
    return "emit" if isinstance(event.data, Report) else VERBS[event.type.split(".")[-2]]


def _object(event: Event, signal: str | None) -> str:
    assignment = _assignment(event)
    return f"assignment {assignment}" if assignment else f"signal {signal}"


def _assignment(event: Event) -> UUID | None:
    return event.data.assignment if isinstance(event.data, DepartmentAnswer) else None
