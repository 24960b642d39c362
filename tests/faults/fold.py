"""What the ledger must say: the record folded once more with the pure core, and nothing else."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from events.identifiers import SignalId
from services.agreements.loading import parse
from services.ledger.counting import Counts
from services.ledger.fold import Entry, Told, fold_signal
from services.ledger.passing import next_moment
from services.ledger.state import State
from services.runtime.records import Record
from tests.faults.history import History, Recorded

FAR = timedelta(days=1)


@dataclass(slots=True)
class Folded:
    """What follows from the record."""

    states: dict[SignalId, State] = field(default_factory=dict)
    told: dict[SignalId, Told] = field(default_factory=dict)
    """Every event that the loop tells of a signal, by topic and id."""
    counts: Counts = field(default_factory=Counter)
    refused: dict[int, str | None] = field(default_factory=dict)
    """The code with which a row is refused, where the record says otherwise."""


def fold(history: History) -> Folded:
    """Fold every signal's rows in their order, and let as much time pass as the ledger has let pass."""
    versions = {version: parse(text) for version, text in history.versions.items()}
    by_signal: dict[SignalId, list[Recorded]] = defaultdict(list)
    for row in history.record:
        if row.signal is not None:
            by_signal[SignalId(row.signal)].append(row)
    folded = Folded()
    for signal, rows in by_signal.items():
        until = _passed_until(history.states.get(signal), rows)
        one = fold_signal([_entry(row) for row in rows], history.passages.get(signal, ()), versions, until)
        folded.counts.update(one.counts)
        folded.refused |= one.refused
        folded.told[signal] = one.told
        if one.state is not None:
            folded.states[signal] = one.state
    return folded


def _entry(row: Recorded) -> Entry:
    return Entry(row.seq, row.at, row.source, row.id, row.sender, row.refused, row.body, row.agreements)


def _passed_until(live: State | None, rows: Sequence[Recorded]) -> datetime:
    """The ledger has let everything pass before the next moment that it still waits for."""
    coming = next_moment(live) if live is not None else None
    return coming or max(row.at for row in rows) + FAR


def events_of(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """The events among records; what is none is left out."""
    for record in records:
        try:
            raw = json.loads(record.value or b"")
        except ValueError:
            continue
        if isinstance(raw, dict) and "type" in raw and record.topic != "dead-letters":
            yield raw | {"topic": record.topic}
