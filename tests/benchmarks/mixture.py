"""What the intake is measured with: of every ten events six new signals, three first answers and one repeat."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from events.catalogue import PREFIX, department_answers, neighbourhood_topic, signal_type
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
TOWN_OF_TWO = TOWN.replace(
    "teams:",
    """  finance: {name: Financien, calendar: office, promise: standard, sources: ["urn:finance"]}
teams:""",
).replace(
    "{kind: initiative-blocked}, to: [permits]}",
    """{kind: initiative-blocked, blockedBy: permit}, to: [permits]}
  - {when: {kind: initiative-blocked, blockedBy: funding}, to: [finance]}""",
)
"""A department's answers are in one partition, so with one department one of two workers would have two thirds."""
ONE, TWO = ("permits",), ("permits", "finance")
"""The departments that have equal shares of the work."""
SIGNALS = neighbourhood_topic("initiative-blocked")
ANSWERS = tuple(department_answers(code) for code in TWO)
PARTITIONS = {SIGNALS: 6} | dict.fromkeys(ANSWERS, 1)
_BLOCKED_BY = {"permits": "permit", "finance": "funding"}
_MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def earlier(count: int, departments: Sequence[str] = ONE) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value of the signals that are there before: what a mixture of `count` answers and repeats."""
    for number in range(count * 3 // 10):
        yield _signal("old", number, departments)


def mixture(count: int, departments: Sequence[str] = ONE) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value of `count` events, evenly mixed."""
    for ten in range(count // 10):
        for number in range(6):
            yield _signal("new", ten * 6 + number, departments)
        for number in range(3):
            yield _answer(ten * 3 + number, departments)
        yield _signal("old", ten, departments)


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


def _signal(name: str, number: int, departments: Sequence[str]) -> tuple[str, bytes, bytes]:
    blocked_by = _BLOCKED_BY[_of(number, departments)]
    data = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
    type_ = signal_type("initiative-blocked")
    return SIGNALS, *_event(f"{name}-{number}", "urn:noord", type_, data | {"blockedBy": blocked_by})


def _answer(number: int, departments: Sequence[str]) -> tuple[str, bytes, bytes]:
    department = _of(number, departments)
    assignment = assignment_id(signal_id("urn:noord", f"old-{number}"), department, 1)
    data = {"assignment": str(assignment), "by": "clerk", "contact": {"role": "clerk", "reach": "14 020"}}
    type_ = f"{PREFIX}.assignments.acknowledged.v1"
    return department_answers(department), *_event(f"ack-old-{number}", f"urn:{department}", type_, data)


def _of(number: int, departments: Sequence[str]) -> str:
    return departments[number % len(departments)]


def _event(id_: str, source: str, type_: str, data: dict[str, Any]) -> tuple[bytes, bytes]:
    return id_.encode(), encode(structured(id_=id_, source=source, type_=type_, time=_MOMENT, data=data))
