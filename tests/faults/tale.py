"""A short history in which all is as it must be, made with the pure core: the tests of the checker spoil it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from events.catalogue import PREFIX
from events.envelope import STRUCTURED_HEADERS, encode
from events.identifiers import SignalId, assignment_id, signal_id
from services.agreements.loading import parse
from services.ledger.book import Book
from services.ledger.counting import Counts, counted, dead_lettered
from services.ledger.lifecycle import Decision, Passed, Said, decide
from services.ledger.reading import Incoming, read_record
from services.ledger.state import State
from services.runtime.records import Record
from tests.faults import town
from tests.faults.history import History, Letter, Recorded, Sent

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOPIC = "neighbourhood.custom-solution-requested"
SIGNAL = signal_id("urn:team:noord", "s1")
PERMITS = assignment_id(SIGNAL, "permits", 1)
HOUSING = assignment_id(SIGNAL, "housing", 1)
_REPORT = {
    "team": "noord",
    "neighbourhood": "WK999901",
    "title": "Tuin",
    "rule": {"code": "APV 2:10"},
    "reason": "het past niet",
    "features": ["tuin"],
}
_CONTACT = {"contact": {"role": "behandelaar", "reach": "14 020"}}


def good_history() -> History:
    """A signal for two departments: one answers in time, the other never; and a record that nobody can read."""
    said = [
        (TOPIC, _event("urn:team:noord", "s1", "signals.custom-solution-requested", _REPORT), 0.0),
        (
            "department.permits.answers",
            _event("urn:d", "a1", "assignments.acknowledged", {"assignment": str(PERMITS), "by": "b", **_CONTACT}),
            1.0,
        ),
        (
            "department.permits.answers",
            _event(
                "urn:d",
                "a2",
                "assignments.resolved",
                {"assignment": str(PERMITS), "by": "b", "outcome": "solved", "explanation": "gedaan"},
            ),
            1.5,
        ),
    ]
    return _told(said)


def _event(source: str, id_: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id_, "source": source, "type": f"{PREFIX}.{name}.v1", "data": data}


def _told(said: list[tuple[str, dict[str, Any], float]]) -> History:
    agreements = parse(town.town())
    book = Book.only(agreements)
    history = History(versions={agreements.version: agreements.text}, current=agreements.version)
    state: State | None = None
    counts: Counts = Counter()
    offsets: dict[str, int] = defaultdict(int)
    inputs: list[Record] = []
    outputs: list[Record] = []
    rows: list[Recorded] = []

    def apply(decision: Decision) -> None:
        nonlocal state
        counts.update(counted(state, decision.state, decision.follows))
        state = decision.state
        for follow in decision.follows:
            for topic in follow.topics:
                outputs.append(Record(topic, 0, offsets[topic], START, None, encode(follow.raw), ()))
                offsets[topic] += 1

    for topic, raw, seconds in said:
        at = START + timedelta(seconds=seconds)
        record = Record(topic, 0, offsets[topic], at, None, encode(raw), STRUCTURED_HEADERS)
        offsets[topic] += 1
        inputs.append(record)
        history.sent.append(Sent(topic, raw["source"], raw["id"], encode(raw), "kafka", "accepted"))
        read = read_record(record, agreements)
        assert isinstance(read, Incoming)
        apply(decide(state, Said(read.event, read.sender), at, book))
        sender = ":".join(read.sender)
        where = (topic, 0, record.offset, at, raw["source"], raw["id"], raw["type"], SIGNAL, sender)
        rows.append(Recorded(len(rows) + 1, *where, None, read.body, agreements.version))
    apply(decide(state, Passed(), START + timedelta(hours=1), book))
    poison = Record(TOPIC, 0, offsets[TOPIC], START, None, b"no json", ())
    letter = Letter(TOPIC, poison.place, "not-json")
    counts[dead_lettered(TOPIC, "not-json")] += 1
    assert state is not None
    history.inputs, history.outputs, history.record = [*inputs, poison], outputs, rows
    history.states, history.letters = {SignalId(SIGNAL): state}, [letter]
    history.counters = {name: value for name, value in counts.items() if value}
    history.settled_until = history.read_at = START + timedelta(hours=1)
    return history


def with_assignment(history: History, **changes: Any) -> None:
    """Make the ledger say something else of the assignment that was answered."""
    state = history.states[SignalId(SIGNAL)]
    changed = {**state.assignments, PERMITS: state.assignments[PERMITS]._replace(**changes)}
    history.states = {SignalId(SIGNAL): State(state.signal, changed)}


def told(history: History, name: str) -> list[Record]:
    """What was told under this name, by the order of topics and offsets."""
    return [one for one in history.outputs if json.loads(one.value or b"")["type"] == f"{PREFIX}.{name}.v1"]
