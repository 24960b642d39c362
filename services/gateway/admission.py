"""What may pass the gateway: valid events, of senders who may send them, each said once. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from events import catalogue
from events.answers import DepartmentAnswer, HandedOver, TeamAnswer
from events.envelope import BATCH, SIZE_MAX, digest, encode, read_list, read_message
from events.faults import Fault, Unreadable
from events.identifiers import signal_id
from events.reading import Event, check_input
from events.signals import InterventionAnnounced, Report, is_report
from services.agreements.codes import unknown_faults
from services.agreements.model import Agreements
from services.agreements.senders import Sender, may_use
from services.gateway.callers import Caller
from services.gateway.problems import Mistake, Problem, invalid, mistakes

BATCH_EVENTS_MAX = 1_000

Raw = dict[str, Any]
Pairs = Iterable[tuple[str, bytes]]


@dataclass(frozen=True)
class Submission:
    """What one request says: its events as they were sent, and whether it was a batch, so that errors are numbered."""

    raws: Sequence[Raw]
    batch: bool
    written: Sequence[bytes] | None = None

    @cached_property
    def encoded(self) -> Sequence[bytes]:
        """Each event as it would go to the broker: to be weighed, and then sent."""
        return [encode(raw) for raw in self.raws] if self.written is None else self.written

    def index(self, number: int) -> int | None:
        """The number of an event for an error; None where there is only one."""
        return number if self.batch else None


def read(headers: Pairs, media_type: str, body: bytes) -> Submission:
    """The events in a request's body; a problem 400 when it cannot be read, 413 when one of them is too large."""
    try:
        if media_type != BATCH:
            return Submission([read_message(headers, body)], batch=False)
        raws, written = read_list(body)
    except Unreadable as error:
        if error.reason == "too-large":
            raise Problem(413, str(error)) from None
        raise invalid(mistakes(error.faults)) from None
    if not isinstance(raws, list):
        raise invalid(mistakes([Fault("", "a batch is a JSON array of events")]))
    if len(raws) > BATCH_EVENTS_MAX:
        raise invalid(mistakes([Fault("", f"a batch holds at most {BATCH_EVENTS_MAX} events, not {len(raws)}")]))
    no_event = [Fault("", "is no JSON object: an event is one")]
    wrong = [one for nr, raw in enumerate(raws) if not isinstance(raw, dict) for one in mistakes(no_event, index=nr)]
    if wrong:
        raise invalid(wrong)
    return Submission(raws, batch=True, written=written)


def with_trace(raw: Raw, encoded: bytes, traceparent: str | None) -> bytes:
    """The event with the trace of the call, where it has none of its own and still fits; it never counts as content."""
    if traceparent is None or "traceparent" in raw:
        return encoded
    traced = encode(raw | {"traceparent": traceparent})
    return traced if len(traced) <= SIZE_MAX else encoded


def admit(submission: Submission, caller: Caller, agreements: Agreements, received: datetime) -> list[Event]:
    """The checked events, all of the caller's own.

    Raises one problem with the mistakes of every event: 413 too large, 400 invalid, 403 not the caller's, 409 two that
    are the same event with different content.
    """
    large = [nr for nr, encoded in enumerate(submission.encoded) if len(encoded) > SIZE_MAX]
    if large:
        errors = [one for nr in large for one in mistakes([_TOO_LARGE], index=submission.index(nr))]
        raise Problem(413, f"An event may be {SIZE_MAX} bytes. Nothing was sent.", errors=errors)
    events: list[Event] = []
    wrong: list[Mistake] = []
    for number, raw in enumerate(submission.raws):
        event, faults = _check(raw, agreements, received)
        if faults:
            wrong += mistakes(faults, index=submission.index(number))
        if event is not None:
            events.append(event)
    if wrong:
        raise invalid(wrong)
    _refuse_foreign(submission, events, caller, agreements)
    _refuse_conflicting(submission, events)
    return events


_TOO_LARGE = Fault("", f"is over {SIZE_MAX} bytes")


def _check(raw: Raw, agreements: Agreements, received: datetime) -> tuple[Event | None, list[Fault]]:
    event, faults = check_input(raw, received, strict=True)
    if event is None:
        return None, faults
    if isinstance(event.data, Report):
        kind = str(catalogue.kind_of(event.type))
        faults += unknown_faults(agreements, kind, raw["data"])
    if isinstance(event.data, HandedOver) and event.data.to not in agreements.departments:
        faults.append(Fault("data.to", f"there is no department {event.data.to!r}"))
    return event, faults


def _refuse_foreign(submission: Submission, events: list[Event], caller: Caller, agreements: Agreements) -> None:
    foreign: list[Mistake] = []
    usable: set[str] = set()
    for number, event in enumerate(events):
        if faults := not_theirs(event, caller, agreements, usable):
            foreign += mistakes(faults, index=submission.index(number))
    if foreign:
        raise Problem(403, f"{caller} may not send this. Nothing was sent.", errors=foreign)


def not_theirs(event: Event, caller: Caller, agreements: Agreements, usable: set[str] | None = None) -> list[Fault]:
    """Why `caller` may not send this event; empty when it may.

    `usable` are sources that were found to be the caller's before, and is added to.
    """
    sender = caller.sender
    if sender is None:
        return [Fault("", "an operator reads; teams and departments send")]
    wrong, source = _wrong_speaker(event, sender), event.source
    faults = [] if wrong is None else [wrong]
    if usable is None or source not in usable:
        if not may_use(agreements, sender, source):
            faults.append(Fault("source", f"{source} is not a source of {caller} in the agreements"))
        elif usable is not None:
            usable.add(source)
    return faults


def _wrong_speaker(event: Event, sender: Sender) -> Fault | None:
    role, code = sender
    match event.data:
        case InterventionAnnounced() if role == "department":
            named = event.data.department
            return None if named == code else Fault("data.department", f"is {named}, not the caller's own {code}")
        case Report() if role == "team":
            named = event.data.team
            return None if named == code else Fault("data.team", f"is {named}, not the caller's own {code}")
        case DepartmentAnswer() if role == "department":
            return None
        case TeamAnswer() if role == "team":
            return None
    whose = "department" if role == "team" else "team"
    return Fault("type", f"{event.type} is for a {whose} to send, and the caller is a {role}")


def _refuse_conflicting(submission: Submission, events: list[Event]) -> None:
    first: dict[tuple[str, str], Event] = {}
    for number, event in enumerate(events):
        earlier = first.setdefault((event.source, event.id), event)
        if earlier is not event and digest(earlier.raw) != digest(event.raw):
            fault = Fault("id", "another event of this batch has the same source and id, and other content")
            raise conflicting(mistakes([fault], index=submission.index(number)))


def conflicting(errors: Iterable[Mistake]) -> Problem:
    """The problem of a repeat that differs from what was said first (contract 1)."""
    detail = "An event's source and id are its own for ever: what differs needs another id. Nothing was sent."
    return Problem(409, detail, code="conflicting-repeat", errors=errors)


def topic_of(event: Event, sender: Sender) -> str:
    """The topic on which this event of this sender is read."""
    if is_report(event.data):
        return catalogue.READABLE[event.type].topics[0]
    role, code = sender
    return catalogue.department_answers(code) if role == "department" else catalogue.team_answers(code)


def own_signal(event: Event) -> UUID | None:
    """The signal that an event reports or names itself; None for an answer to an assignment."""
    if isinstance(event.data, Report):
        return signal_id(event.source, event.id)
    return event.data.signal if isinstance(event.data, TeamAnswer) else None
