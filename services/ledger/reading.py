"""From a record to what was said and by whom, or to why it becomes a dead letter; pure."""

from datetime import datetime
from typing import Any, NamedTuple

from events import catalogue
from events.answers import is_of_department, is_of_team
from events.envelope import SIZE_MAX, digest, encode, read_message
from events.faults import Fault, Reason, Unreadable
from events.reading import Event, read_input
from events.signals import InterventionAnnounced, Report, is_report, own_fields
from services.agreements.codes import unknown_faults
from services.agreements.model import Agreements
from services.agreements.senders import Sender, may_use
from services.runtime import dead_letters
from services.runtime.dead_letters import Origin
from services.runtime.records import Record

READ_AS = "koikarper.topic"
"""On the input topic of a replay: the header that says as which topic's record this one is to be read."""

STRUCTURED_SIZE_MAX = SIZE_MAX + 16 * 1024
"""Bytes of an event once it is written in structured mode: its attributes come from headers in binary mode.

A number such as `1e15` is longer when it is written again. What the loop tells of an event holds it whole, and must
fit in what its readers take (`OUTCOME_SIZE_MAX`).
"""
SOURCE_LENGTH_MAX, ID_LENGTH_MAX = 300, 200


class Incoming(NamedTuple):
    """A record that holds a valid event of a sender who may send it."""

    record: Record
    origin: Origin  # where it was first received, and the broker's moment of that
    event: Event
    sender: Sender
    digest: bytes
    body: bytes  # the event in structured mode

    @property
    def at(self) -> datetime:
        """The moment by which it counts."""
        return self.origin.timestamp


class Rejected(NamedTuple):
    """A record that becomes a dead letter."""

    record: Record
    reason: Reason
    message: str
    sender: Sender | None = None  # who is told, where the topic says whose it was
    reference: tuple[str, str] = ("", "")  # source and id, as far as they could be read
    attempts: int = 1


def read_record(record: Record, agreements: Agreements) -> Incoming | Rejected:
    """Read one record; every way in which it can be wrong is an answer, not an error."""
    origin = first_seen(record)
    raw: dict[str, Any] = {}
    try:
        raw = read_message(_own_headers(record), record.value)
        event = read_input(raw, origin.timestamp, strict=False)
        sender = _sender(origin.topic, event, agreements)
        return Incoming(record, origin, event, sender, digest(raw), _structured(raw))
    except Unreadable as error:
        return Rejected(record, error.reason, str(error), topic_sender(origin.topic), reference(record, raw))


def set_apart(record: Record, reason: Reason, message: str, attempts: int) -> Rejected:
    """The dead letter of a record on which the work fails: whatever is wrong with it, this succeeds."""
    try:
        raw = read_message(_own_headers(record), record.value)
    except Exception:  # noqa: BLE001 - reading may be the very thing that fails on it
        raw = {}
    return Rejected(record, reason, message, topic_sender(first_seen(record).topic), reference(record, raw), attempts)


def first_seen(record: Record) -> Origin:
    """The place and moment by which a record counts: its own, or those that its headers keep.

    Only the ledger reads `loop.retries` and a replay's input topic, so headers there are the operator's word.
    """
    if record.topic == catalogue.RETRIES:
        origin = dead_letters.origin(record.headers)
        if origin is not None:
            return origin
    if record.topic.startswith("replay."):
        for name, value in reversed(record.headers):
            if name == READ_AS:
                topic = value.decode(errors="replace")
                return Origin(topic, record.partition, record.offset, record.timestamp)
    return Origin(record.topic, record.partition, record.offset, record.timestamp)


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
    """Source and id of an event, or the record's place where they could not be read or are too long to be any."""
    source, id_ = raw.get("source"), raw.get("id")
    if _is_text(source, SOURCE_LENGTH_MAX) and _is_text(id_, ID_LENGTH_MAX):
        return str(source), str(id_)
    return f"kafka:{record.topic}", f"{record.partition}-{record.offset}"


def _is_text(value: object, length_max: int) -> bool:
    return isinstance(value, str) and len(value) <= length_max


def _own_headers(record: Record) -> tuple[tuple[str, bytes], ...]:
    return dead_letters.untouched(record.headers) if record.topic == catalogue.RETRIES else record.headers


def _structured(raw: dict[str, Any]) -> bytes:
    body = encode(raw)
    if len(body) > STRUCTURED_SIZE_MAX:
        what = f"the event is {len(body)} bytes in structured mode; at most {STRUCTURED_SIZE_MAX} are allowed"
        raise Unreadable("too-large", [Fault("", what)])
    return body


def _sender(topic: str, event: Event, agreements: Agreements) -> Sender:
    data = event.data
    sender = topic_sender(topic)
    if is_report(data):
        if topic != catalogue.neighbourhood_topic(catalogue.kind_of(event.type) or "phase-changed"):
            raise _misplaced(event, topic)
        return _reporter(data, event, agreements)
    if sender is None or not (is_of_department(data) if sender[0] == "department" else is_of_team(data)):
        raise _misplaced(event, topic)
    if not may_use(agreements, sender, event.source):
        raise _forged(sender, event)
    return sender


def _reporter(data: Report, event: Event, agreements: Agreements) -> Sender:
    kind = catalogue.kind_of(event.type)
    if kind is None:
        raise TypeError(f"{event.type} is no signal")
    unknown = unknown_faults(agreements, kind, own_fields(kind, event.raw["data"]))
    if unknown:
        raise Unreadable("unknown-code", unknown)
    candidates: list[Sender] = [("team", data.team)]
    if type(data) is InterventionAnnounced:
        candidates.append(("department", data.department))
    for sender in candidates:
        if may_use(agreements, sender, event.source):
            return sender
    raise _forged(candidates[0], event)


def _misplaced(event: Event, topic: str) -> Unreadable:
    return Unreadable("unknown-type", [Fault("type", f"{event.type} does not belong on the topic {topic}")])


def _forged(sender: Sender, event: Event) -> Unreadable:
    return Unreadable("forged", [Fault("source", f"{event.source} is not a source of {sender[0]} {sender[1]}")])
