"""What the intake is measured with: of every ten events six new signals, three first answers and one repeat."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from events.catalogue import PREFIX, neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import assignment_id, signal_id
from services.runtime.records import Record

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, sources: ["urn:permits"]}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901], sources: ["urn:noord"]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
default: permits
patterns: {signals: 3, within: 90 days}
"""
SIGNALS = neighbourhood_topic("initiative-blocked")
ANSWERS = "department.permits.answers"
PARTITIONS = {SIGNALS: 6, ANSWERS: 1}
_MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def earlier(count: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value of the signals that are there before: what a mixture of `count` answers and repeats."""
    for number in range(count * 3 // 10):
        yield _signal(f"old-{number}")


def mixture(count: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value of `count` events, evenly mixed."""
    for ten in range(count // 10):
        for number in range(6):
            yield _signal(f"new-{ten * 6 + number}")
        for number in range(3):
            yield _answer(f"old-{ten * 3 + number}")
        yield _signal(f"old-{ten}")


def records(events: Iterable[tuple[str, bytes, bytes]], offsets: dict[tuple[str, int], int]) -> Iterator[Record]:
    """The events as a broker would hand them over; `offsets` goes on from call to call."""
    for number, (topic, key, value) in enumerate(events):
        place = topic, number % PARTITIONS[topic]
        offset = offsets.get(place, 0)
        offsets[place] = offset + 1
        yield Record(*place, offset, _MOMENT + timedelta(milliseconds=number), key, value, STRUCTURED_HEADERS)


def batches(of: Iterable[Record], size: int) -> Iterator[Sequence[Record]]:
    """In parts of `size` records, as the consumer hands them over."""
    left = iter(of)
    while batch := list(islice(left, size)):
        yield batch


def _signal(id_: str) -> tuple[str, bytes, bytes]:
    data = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
    return SIGNALS, *_event(id_, "urn:noord", signal_type("initiative-blocked"), data | {"blockedBy": "permit"})


def _answer(of: str) -> tuple[str, bytes, bytes]:
    assignment = assignment_id(signal_id("urn:noord", of), "permits", 1)
    data = {"assignment": str(assignment), "by": "clerk", "contact": {"role": "clerk", "reach": "14 020"}}
    return ANSWERS, *_event(f"ack-{of}", "urn:permits", f"{PREFIX}.assignments.acknowledged.v1", data)


def _event(id_: str, source: str, type_: str, data: dict[str, Any]) -> tuple[bytes, bytes]:
    return id_.encode(), encode(structured(id_=id_, source=source, type_=type_, time=_MOMENT, data=data))
