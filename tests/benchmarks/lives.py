"""Lives of signals, by number: the same events from any program that counts, with ids as scattered as real ones."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from events.catalogue import PREFIX, neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import AssignmentId, SignalId, assignment_id, signal_id
from services.runtime.records import Record

SIGNALS, OF_PERMITS, OF_NOORD = (
    neighbourhood_topic("initiative-blocked"),
    "department.permits.answers",
    "team.noord.answers",
)
PARTITIONS = {SIGNALS: 6, OF_PERMITS: 1, OF_NOORD: 1}
PLACES = [(topic, number) for topic, numbers in PARTITIONS.items() for number in range(numbers)]

TEAM, DEPARTMENT = "urn:noord", "urn:permits"
_SPOKEN = datetime(2020, 1, 1, tzinfo=UTC)
_WORDS = (
    "The residents want koi in the pond behind the flats; nobody can say which permit that needs, nor whose it is. "
)
_REPORT = {
    "team": "noord",
    "neighbourhood": "BU99990101",
    "title": "Koi in the pond behind the flats",
    "description": _WORDS * 4,
    "initiative": "A pond with koi",
    "blockedBy": "permit",
}

Event = tuple[str, bytes, bytes]
"""Topic, key and value."""


def event_id(verb: str, life: str) -> str:
    """The id of the event that tells `verb` of a life; PostgreSQL computes the same: `md5('reported 7')::uuid`."""
    return str(UUID(hashlib.md5(f"{verb} {life}".encode(), usedforsecurity=False).hexdigest()))


def ids(life: str) -> tuple[SignalId, AssignmentId]:
    """Of the signal and of its one assignment."""
    signal = signal_id(TEAM, event_id("reported", life))
    return signal, assignment_id(signal, "permits", 1)


def reported(life: str) -> Event:
    """A team reports."""
    return SIGNALS, *_event("reported", life, TEAM, signal_type("initiative-blocked"), _REPORT)


def acknowledged(life: str) -> Event:
    """The department has read it."""
    data = {"assignment": str(ids(life)[1]), "by": "clerk", "contact": {"role": "clerk", "reach": "14 020"}}
    return OF_PERMITS, *_event("acknowledged", life, DEPARTMENT, f"{PREFIX}.assignments.acknowledged.v1", data)


def resolved(life: str) -> Event:
    """The department says that it is done."""
    data = {"assignment": str(ids(life)[1]), "by": "clerk", "outcome": "solved", "explanation": "The pond may stay."}
    return OF_PERMITS, *_event("resolved", life, DEPARTMENT, f"{PREFIX}.assignments.resolved.v1", data)


def confirmed(life: str) -> Event:
    """The team says that it is so."""
    data = {"signal": str(ids(life)[0]), "by": "team leader"}
    return OF_NOORD, *_event("confirmed", life, TEAM, f"{PREFIX}.signals.confirmed.v1", data)


def mixture(name: str, answered: Iterator[str], events: int) -> Iterator[Event]:
    """Of every ten events six new signals, three first answers to those of `answered`, and one that was sent before."""
    numbers = count()
    for _ in range(events // 10):
        for _ in range(6):
            yield reported(f"{name} {next(numbers)}")
        lives = [next(answered) for _ in range(3)]
        yield from map(acknowledged, lives)
        yield reported(lives[0])


def record(event: Event, partition: int, offset: int, at: datetime) -> Record:
    """The event as a broker would hand it over."""
    topic, key, value = event
    return Record(topic, partition, offset, at, key, value, STRUCTURED_HEADERS)


def records(events: Iterable[Event], offsets: dict[tuple[str, int], int], begin: datetime) -> Iterator[Record]:
    """The events a millisecond apart, spread over the partitions; `offsets`, the next of each, goes on."""
    for number, event in enumerate(events):
        place = event[0], number % PARTITIONS[event[0]]
        yield record(event, place[1], offsets[place], begin + timedelta(milliseconds=number))
        offsets[place] += 1


def _event(verb: str, life: str, source: str, type_: str, data: dict[str, Any]) -> tuple[bytes, bytes]:
    id_ = event_id(verb, life)
    return str(ids(life)[0]).encode(), encode(structured(id_=id_, source=source, type_=type_, time=_SPOKEN, data=data))
