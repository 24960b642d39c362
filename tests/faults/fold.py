"""The record folded once more, with the pure core and nothing else: what the ledger must say, row by row."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from events.catalogue import PREFIX
from events.envelope import read_message
from events.identifiers import AssignmentId, SignalId
from events.reading import read_input
from services.agreements.loading import parse
from services.agreements.model import Agreements
from services.ledger.book import Book
from services.ledger.counting import Counts, counted
from services.ledger.lifecycle import Decision, Passed, Said, decide
from services.ledger.passing import next_moment
from services.ledger.state import State
from services.ledger.succession import retire
from services.ledger.telling import LOOP
from services.runtime.records import Record
from tests.faults.history import History, Recorded
from tests.faults.town import RENAMED

FAR = timedelta(days=1)


@dataclass(slots=True)
class Folded:
    """What follows from the record."""

    states: dict[SignalId, State] = field(default_factory=dict)
    told: dict[SignalId, set[tuple[str, str]]] = field(default_factory=dict)
    """Topic and id of every event that the loop tells of a signal."""
    counts: Counts = field(default_factory=Counter)


def fold(history: History) -> Folded:
    """Fold every signal's rows in their order, and let as much time pass as the ledger has let pass."""
    versions = {version: parse(text) for version, text in history.versions.items()}
    by_signal: dict[SignalId, list[Recorded]] = defaultdict(list)
    for row in history.record:
        if row.signal is not None:
            by_signal[SignalId(row.signal)].append(row)
    inherited = _inherited(history.outputs)
    folded = Folded()
    for signal, rows in by_signal.items():
        until = _passed_until(history.states.get(signal), rows)
        _fold_one(folded, signal, rows, inherited, versions, until, versions[history.current])
    return folded


def _fold_one(
    folded: Folded,
    signal: SignalId,
    rows: Sequence[Recorded],
    inherited: Mapping[AssignmentId, datetime],
    versions: Mapping[str, Agreements],
    until: datetime,
    last: Agreements,
) -> None:
    state: State | None = None
    told: set[tuple[str, str]] = set()

    def apply(decision: Decision, *, said: bool) -> None:
        nonlocal state
        folded.counts.update(counted(state, decision.state, decision.follows, said=said))
        told.update((topic, follow.raw["id"]) for follow in decision.follows for topic in follow.topics)
        state = decision.state or state

    for row in rows:
        while state is not None and not _before_it(row) and (moment := _next_inheritance(state, inherited, row.at)):
            apply(retire(state, moment, Book(last, versions)), said=False)
        apply(decide(state, _said(row), row.at, Book(versions[row.agreements], versions)), said=True)
    while state is not None and (moment := _next_inheritance(state, inherited, until)):
        apply(retire(state, moment, Book(last, versions)), said=False)
    if state is not None:
        apply(decide(state, Passed(), until, Book(last, versions)), said=True)
        folded.states[signal] = state
    folded.told[signal] = told


def _passed_until(live: State | None, rows: Sequence[Recorded]) -> datetime:
    """The ledger has let everything pass before the next moment that it still waits for."""
    coming = next_moment(live) if live is not None else None
    return coming or max(row.at for row in rows) + FAR


def _inherited(outputs: Sequence[Record]) -> dict[AssignmentId, datetime]:
    """When the loop itself handed over what a retired department left: nobody says it, so the record lacks it."""
    found: dict[AssignmentId, datetime] = {}
    for raw in events_of(outputs):
        if raw["type"] == f"{PREFIX}.assignments.handed-over.v1" and raw["data"]["by"] == LOOP:
            found[AssignmentId(UUID(raw["data"]["assignment"]))] = _moment(raw["time"])
    return found


def _before_it(row: Recorded) -> bool:
    """A department's answer that was not refused as handed over was taken in before the loop handed over.

    The moment does not tell: the loop hands over as of how far the ledger has surely read, which is a little ago.
    """
    return row.sender == f"department:{RENAMED}" and row.refused != "already-handed-over"


def _next_inheritance(state: State, inherited: Mapping[AssignmentId, datetime], before: datetime) -> datetime | None:
    moments = [
        inherited[id_]
        for id_, assignment in state.assignments.items()
        if id_ in inherited and assignment.state in {"waiting", "acknowledged"} and inherited[id_] < before
    ]
    return min(moments, default=None)


def _said(row: Recorded) -> Said:
    headers = (("content-type", b"application/cloudevents+json"),)
    event = read_input(read_message(headers, row.body, size_max=1 << 20), row.at, strict=False)
    kind, _, code = row.sender.partition(":")
    return Said(event, ("team", code) if kind == "team" else ("department", code))


def events_of(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """The events among records; what is none is left out."""
    for record in records:
        try:
            raw = json.loads(record.value or b"")
        except ValueError:
            continue
        if isinstance(raw, dict) and "type" in raw and record.topic != "dead-letters":
            yield raw | {"topic": record.topic}


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)
