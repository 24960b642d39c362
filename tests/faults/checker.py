"""The checker: from a history to the anomalies in it, each by its name. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.catalogue import PREFIX
from events.envelope import digest
from services.agreements.loading import parse
from services.ledger.counting import dead_lettered
from services.ledger.fold import content
from services.ledger.reading import Incoming, Rejected, read_record
from tests.faults.fold import Folded, events_of, fold
from tests.faults.history import History
from tests.faults.oracle import wrong_promises


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that the promise excludes."""

    name: str
    about: str
    what: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.name}: {self.about}: {self.what}"


Found = Iterator[tuple[str, str]]
"""What each anomaly is about, and a sentence."""


def check(history: History) -> list[Anomaly]:
    """Every anomaly of a history."""
    folded = fold(history)
    return [Anomaly(name, about, what) for name, look in _LOOKS.items() for about, what in look(history, folded)]


def _lost_events(history: History, _: Folded) -> Found:
    """Accepted, and not on its topic; on a topic, and neither recorded nor a dead letter."""
    there = {(record.topic, record.value) for record in history.inputs}
    names = {(raw["topic"], raw.get("source"), raw.get("id")) for raw in events_of(history.inputs)}
    for sent in history.sent:
        known = (sent.topic, sent.source, sent.id) in names if sent.source else (sent.topic, sent.value) in there
        if sent.answer == "accepted" and not known:
            yield f"{sent.source} {sent.id}", f"accepted over {sent.way} and not on {sent.topic}"
    agreements = parse(history.versions[history.current])
    recorded = {(row.source, row.id): row for row in history.record}
    letters = {letter.read_at for letter in history.letters}
    for record in history.inputs:
        read = read_record(record, agreements)
        if isinstance(read, Rejected):
            if record.place not in letters:
                yield str(record.place), f"cannot be read ({read.reason}), and is no dead letter"
            continue
        row = recorded.get((read.event.source, read.event.id))
        if row is None:
            yield f"{read.event.source} {read.event.id}", f"on {record.place} and not in the ledger"
        elif digest(json.loads(row.body)) != read.digest and record.place not in letters:
            yield str(record.place), "says something else under a known name, and is no dead letter"


def _duplicate_effects(history: History, _: Folded) -> Found:
    for (source, id_), times in Counter((row.source, row.id) for row in history.record).items():
        if times > 1:
            yield f"{source} {id_}", f"is {times} times in the record"
    for place, times in Counter(letter.read_at for letter in history.letters).items():
        if times > 1 and not history.read_again:
            yield str(place), f"is {times} dead letters"
    told: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for raw in events_of(history.outputs):
        content = {name: value for name, value in raw.items() if name != "topic"}
        told["bytes", raw["source"], raw["id"]].add(json.dumps(content, sort_keys=True))
        if raw["type"] == f"{PREFIX}.assignments.assigned.v1":
            told["assigned", raw["data"]["assignment"]].add(raw["id"])
    for key, versions in told.items():
        if len(versions) > 1:
            yield " ".join(map(str, key)), f"was told in {len(versions)} ways"


def _answers_without_assignment(history: History, _: Folded) -> Found:
    known = {id_ for state in history.states.values() for id_ in state.assignments}
    for row in history.record:
        if row.refused == "unknown-assignment":
            assignment = UUID(json.loads(row.body)["data"]["assignment"])
            if assignment in known:
                yield str(assignment), f"{row.sender} answered it before the ledger knew it"
        elif row.refused == "unknown-signal":
            signal = UUID(json.loads(row.body)["data"]["signal"])
            if signal in history.states:
                yield str(signal), f"{row.sender} answered it before the ledger knew it"


def _assignments_not_delivered(history: History, _: Folded) -> Found:
    told = {
        (raw["topic"], raw["data"]["assignment"])
        for raw in events_of(history.outputs)
        if raw["type"] == f"{PREFIX}.assignments.assigned.v1"
    }
    for state in history.states.values():
        for assignment in state.assignments.values():
            for topic in (f"department.{assignment.department}.assignments", f"team.{state.signal.team}.feedback"):
                if (topic, str(assignment.id)) not in told:
                    yield str(assignment.id), f"never came on {topic}"


def _told_otherwise(history: History, folded: Folded) -> Found:
    """Of a signal exactly what follows is told: nothing else, and nothing less."""
    told = {(raw["topic"], raw["id"]) for raw in events_of(history.outputs)}
    wanted = {pair: data for words in folded.told.values() for pair, data in words.items()}
    for signal, words in folded.told.items():
        for topic, id_ in words.keys() - told:
            yield str(signal), f"event {id_} follows and never came on {topic}"
    for raw in events_of(history.outputs):
        data = wanted.get((raw["topic"], raw["id"]))
        if data is None and not raw["type"].endswith("answers.refused.v1"):
            yield raw["id"], f"{raw['type']} came on {raw['topic']} and follows from nothing"
        elif data is not None and data != content(raw):
            yield raw["id"], f"{raw['type']} came on {raw['topic']} with other words than follow: {data.decode()}"


def _inverted_orders(history: History, _: Folded) -> Found:
    last: dict[tuple[str, int], int] = {}
    for row in history.record:
        place = row.topic, row.partition
        if row.offset <= last.get(place, -1):
            yield str(place), f"offset {row.offset} was taken in after {last[place]}"
        last[place] = max(row.offset, last.get(place, -1))
    order = {(row.source, row.id): row.seq for row in history.record}
    seen: set[tuple[str, str, str]] = set()
    reached: dict[tuple[str, str], int] = {}
    assigned: set[tuple[str, str]] = set()
    signal_of = {(row.source, row.id): str(row.signal) for row in history.record}
    for raw in events_of(history.outputs):
        topic, subject = raw["topic"], str(raw["data"].get("assignment"))
        if (topic, raw["source"], raw["id"]) in seen:
            continue
        seen.add((topic, raw["source"], raw["id"]))
        if raw["type"] == f"{PREFIX}.assignments.assigned.v1":
            assigned.add((topic, subject))
        elif subject != "None" and (topic, subject) not in assigned and _is_of(raw):
            yield subject, f"{raw['type']} came on {topic} before it was assigned there"
        seq = order.get((raw["source"], raw["id"]))
        if seq is not None:
            lane = topic, signal_of[raw["source"], raw["id"]]
            if seq < reached.get(lane, 0):
                yield lane[1], f"on {topic} {raw['type']} {raw['id']} first came after a later answer"
            reached[lane] = max(seq, reached.get(lane, 0))


def _is_of(raw: dict[str, Any]) -> bool:
    """Whether it is told to the one whose assignment it is: an escalation also goes to who is called in."""
    domain, code, *_ = raw["topic"].split(".")
    return "refused" not in raw["type"] and (domain == "team" or raw["data"].get("department") == code)


def _promises(history: History, _: Folded) -> Found:
    yield from wrong_promises(history)
    missed: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for raw in events_of(history.outputs):
        if raw["type"] == f"{PREFIX}.assignments.deadline-missed.v1":
            data = raw["data"]
            missed[data["assignment"], data["stage"], data["promise"]].add(raw["id"])
    for (assignment, stage, promise), ids in missed.items():
        if len(ids) > 1 and promise == "first":
            yield assignment, f"{stage} was called missed {len(ids)} times"


def _counters(history: History, folded: Folded) -> Found:
    for fall in history.falls:
        yield f"{fall.name}|{fall.labels}", f"fell from {fall.before} to {fall.after}"
    for name, wanted in _recount(history, folded).items():
        found = history.counters.get(name, 0)
        if found != wanted:
            yield "|".join(name), f"says {found}; counted again it is {wanted}"
    for name in history.counters.keys() - _recount(history, folded).keys():
        if history.counters[name]:
            yield "|".join(name), f"says {history.counters[name]}; counted again it is 0"


def _recount(history: History, folded: Folded) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter(folded.counts)
    counts.update(dead_lettered(letter.topic, letter.reason) for letter in history.letters)  # type: ignore[arg-type]  # a reason as stored
    return {name: value for name, value in counts.items() if value}


def _states(history: History, folded: Folded) -> Found:
    for row in history.record:
        if row.seq in folded.refused:
            yield row.id, f"is refused with {row.refused}, folded {folded.refused[row.seq]}"
    for signal in history.states.keys() | folded.states.keys():
        live, again = history.states.get(signal), folded.states.get(signal)
        if live is None or again is None:
            yield str(signal), f"is in the {'record' if live is None else 'state'} only"
            continue
        if live.signal != again.signal:
            yield str(signal), _difference(live.signal, again.signal)
        for id_ in live.assignments.keys() | again.assignments.keys():
            one, other = live.assignments.get(id_), again.assignments.get(id_)
            if one != other:
                yield str(id_), _difference(one, other)


def _difference(live: Any, again: Any) -> str:
    if live is None or again is None:
        return f"is in the {'fold' if live is None else 'state'} only"
    names = [name for name in live._fields if getattr(live, name) != getattr(again, name)]
    return "; ".join(f"{name} is {getattr(live, name)!r}, folded {getattr(again, name)!r}" for name in names)


def _rebuilt(history: History, _: Folded) -> Found:
    """What `koikarper rebuild` folds in the database is what lives there, row by row."""
    for what in history.not_rebuilt:
        yield "rebuild", what


def _unsettled(history: History, _: Folded) -> Found:
    if history.unsettled:
        yield "after healing", history.unsettled


def _seals(history: History, _: Folded) -> Found:
    for what in history.broken_seals:
        yield "verify", what


_LOOKS: dict[str, Callable[[History, Folded], Found]] = {
    "lost event": _lost_events,
    "duplicate effect": _duplicate_effects,
    "answer without assignment": _answers_without_assignment,
    "assignment not delivered": _assignments_not_delivered,
    "told otherwise": _told_otherwise,
    "inverted order": _inverted_orders,
    "promise decided twice or wrongly": _promises,
    "counter that fell or miscounts": _counters,
    "state unequal to the fold of the record": _states,
    "rebuild gives another state": _rebuilt,
    "not at rest": _unsettled,
    "broken seal": _seals,
}
ANOMALIES = tuple(_LOOKS)
"""The name of every anomaly."""


def absorbed(history: History) -> int:
    """How many records were repeats of an event that the ledger has once, and so had no effect."""
    agreements = parse(history.versions[history.current])
    letters = {letter.read_at for letter in history.letters}
    good = [
        read
        for record in history.inputs
        if record.place not in letters and isinstance(read := read_record(record, agreements), Incoming)
    ]
    return len(good) - len({(read.event.source, read.event.id) for read in good})
