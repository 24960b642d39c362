"""From a record to what was said and by whom, or to why it becomes a dead letter; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events import catalogue
from events.answers import DepartmentAnswer, TeamAnswer
from events.envelope import digest, read_message
from events.faults import Fault, Reason, Unreadable
from events.reading import Event, read_input
from events.signals import InterventionAnnounced, Report
from services.agreements.codes import unknown_faults
from services.agreements.model import Agreements
from services.agreements.senders import Sender, may_use
from services.runtime import dead_letters
from services.runtime.records import Record

READ_AS = "koikarper.topic"
"""On the input topic of a replay: the header that says as which topic's record this one is to be read."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record that holds a valid event of a sender who may send it."""

    record: Record
    topic: str  # the topic on which it was first received
    at: datetime  # and the broker's moment of that
    event: Event
    sender: Sender
    digest: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that becomes a dead letter."""

    record: Record
    reason: Reason
    message: str
    sender: Sender | None = None  # who is told, where the topic says whose it was
    reference: tuple[str, str] = ("", "")  # source and id, as far as they could be read
    attempts: int = 1


def read_record(record: Record, agreements: Agreements) -> Incoming | Rejected:
    """Read one record; every way in which it can be wrong is an answer, not an error."""
    topic, at = first_seen(record)
    raw: dict[str, Any] = {}
    try:
        raw = read_message(_own_headers(record), record.value)
        event = read_input(raw, at, strict=False)
        sender = _sender(topic, event, agreements)
        return Incoming(record, topic, at, event, sender, digest(raw))
    except Unreadable as error:
        return Rejected(record, error.reason, str(error), topic_sender(topic), reference(record, raw))


def first_seen(record: Record) -> tuple[str, datetime]:
    """The topic and moment by which a record counts: its own, or those that its headers keep.

    Only the ledger reads `loop.retries` and a replay's input topic, so headers there are the operator's word.
    """
    if record.topic == catalogue.RETRIES:
        origin = dead_letters.origin(record.headers)
        if origin is not None:
            return origin.topic, origin.timestamp
    if record.topic.startswith("replay."):
        for name, value in reversed(record.headers):
            if name == READ_AS:
                return value.decode(errors="replace"), record.timestamp
    return record.topic, record.timestamp


def topic_sender(topic: str) -> Sender | None:
    """Whose topic it is: on an answers topic the topic is the identity (contract 1)."""
    domain, _, rest = topic.partition(".")
    code = rest.removesuffix(".answers")
    if code == rest:
        return None
    if domain == "department":
        return "department", code
    return ("team", code) if domain == "team" else None


def reference(record: Record, raw: dict[str, Any]) -> tuple[str, str]:
    """Source and id of an event, or the record's place where they could not be read."""
    source, id_ = raw.get("source"), raw.get("id")
    if isinstance(source, str) and isinstance(id_, str):
        return source, id_
    return f"kafka:{record.topic}", f"{record.partition}-{record.offset}"


def _own_headers(record: Record) -> tuple[tuple[str, bytes], ...]:
    return dead_letters.untouched(record.headers) if record.topic == catalogue.RETRIES else record.headers


def _sender(topic: str, event: Event, agreements: Agreements) -> Sender:
    data = event.data
    sender = topic_sender(topic)
    if isinstance(data, Report):
        if topic != catalogue.neighbourhood_topic(catalogue.kind_of(event.type) or "phase-changed"):
            raise _misplaced(event, topic)
        return _reporter(data, event, agreements)
    if sender is None or isinstance(data, DepartmentAnswer) != (sender[0] == "department"):
        raise _misplaced(event, topic)
    if not isinstance(data, DepartmentAnswer | TeamAnswer):
        raise _misplaced(event, topic)
    if not may_use(agreements, sender, event.source):
        raise _forged(sender, event)
    return sender


def _reporter(data: Report, event: Event, agreements: Agreements) -> Sender:
    kind = catalogue.kind_of(event.type)
    unknown = unknown_faults(agreements, str(kind), event.raw["data"])
    if unknown:
        raise Unreadable("unknown-code", unknown)
    candidates: list[Sender] = [("team", data.team)]
    if isinstance(data, InterventionAnnounced):
        candidates.append(("department", data.department))
    for sender in candidates:
        if may_use(agreements, sender, event.source):
            return sender
    raise _forged(candidates[0], event)


def _misplaced(event: Event, topic: str) -> Unreadable:
    return Unreadable("unknown-type", [Fault("type", f"{event.type} does not belong on the topic {topic}")])


def _forged(sender: Sender, event: Event) -> Unreadable:
    return Unreadable("forged", [Fault("source", f"{event.source} is not a source of {sender[0]} {sender[1]}")])
