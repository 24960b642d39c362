"""What follows from the record: the events of one signal, decided once more by the same core, in their order. Pure.

Each event is decided under the agreements that its seal names. Where the record cannot tell how far time had passed,
`passages.py` says so. At the end every moment passes that lies before `until`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events.catalogue import READABLE
from events.envelope import canonical, digest
from events.reading import Event, parse
from events.signals import Report
from services.agreements.model import Agreements
from services.agreements.senders import Sender
from services.ledger.book import Book
from services.ledger.counting import Counts, counted
from services.ledger.lifecycle import Decision, Passed, Said, decide, refuse_unknown
from services.ledger.state import Follow, State
from services.ledger.succession import retire

FAR = datetime.max.replace(tzinfo=UTC)
"""Later than every moment."""

Told = dict[tuple[str, str], bytes]
"""What is published: by topic and the event's id, its `data` as sorted JSON."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the record."""

    seq: int
    at: datetime
    source: str
    id: str
    sender: str  # "team:noord"
    refused: str | None
    body: bytes
    agreements: str

    def event(self) -> Event:
        """The event that it holds; raises `Unreadable` when this version cannot read it any more."""
        return parse(json.loads(self.body), strict=False, table=READABLE)

    def digest(self) -> bytes:
        """As the identities keep it."""
        return digest(json.loads(self.body))

    def said(self, event: Event) -> Said:
        """The event as what the core decides."""
        kind, _, code = self.sender.partition(":")
        sender: Sender = ("team", code) if kind == "team" else ("department", code)
        return Said(event, sender)


@dataclass(frozen=True, slots=True)
class Passage:
    """How far time had passed after one row of the record (`passages.py`)."""

    nr: int
    after: int
    until: datetime | None
    agreements: str | None


@dataclass(slots=True)
class Folded:
    """What follows for one signal."""

    state: State | None = None
    counts: Counts = field(default_factory=Counter)
    told: Told = field(default_factory=dict)
    refused: dict[int, str | None] = field(default_factory=dict)
    """By row: the code with which it is refused, where the record says otherwise."""

    def take(self, decision: Decision, *, said: bool) -> None:
        """Go on from a decision."""
        self.counts.update(counted(self.state, decision.state, decision.follows, said=said))
        self.told |= told(decision.follows)
        self.state = decision.state or self.state


def fold_signal(
    entries: Sequence[Entry],
    passages: Sequence[Passage],
    versions: Mapping[str, Agreements],
    until: datetime | None,
) -> Folded:
    """Fold what the record holds of one signal; None for `until` lets no moment pass that nothing else forces.

    Nothing folds when the first event does not report it: then it is a canary's, of which the record holds only what
    others said of it.
    """
    folded = Folded()
    book = None
    for step in _in_order(entries, passages):
        if isinstance(step, Passage):
            _pass(folded, step, versions)
            continue
        event = step.event()
        if folded.state is None and not isinstance(event.data, Report):
            return folded
        book = Book(versions[step.agreements], versions)
        decision = decide(folded.state, step.said(event), step.at, book)
        code = decision.refusal.code if decision.refusal else None
        if code != step.refused:
            folded.refused[step.seq] = code
        folded.take(decision, said=True)
    if until is not None and book is not None:
        folded.take(decide(folded.state, Passed(), until, book), said=False)
    return folded


def fold_unknown(entry: Entry, versions: Mapping[str, Agreements]) -> tuple[str, Told]:
    """The code and the word with which an answer to something unknown is refused: it belongs to no signal."""
    decision = refuse_unknown(entry.said(entry.event()), entry.at, Book(versions[entry.agreements], versions))
    return decision.refusal.code if decision.refusal else "", told(decision.follows)


def told(follows: Iterable[Follow]) -> Told:
    """What these events publish."""
    return {(topic, follow.raw["id"]): content(follow.raw) for follow in follows for topic in follow.topics}


def content(raw: Mapping[str, Any]) -> bytes:
    """The data of an event as sorted JSON. The outcomes of a proposal have no order of their own."""
    data = raw.get("data")
    if isinstance(data, dict) and isinstance(data.get("outcomes"), list):
        data = data | {"outcomes": sorted(data["outcomes"], key=canonical)}
    return canonical(data)


def _pass(folded: Folded, passage: Passage, versions: Mapping[str, Agreements]) -> None:
    until = passage.until or FAR
    book = Book(versions[passage.agreements or next(iter(versions))], versions)
    if folded.state is None:
        return
    if passage.agreements is None:
        folded.take(decide(folded.state, Passed(), until, book), said=False)
    else:
        folded.take(retire(folded.state, until, book), said=False)


def _in_order(entries: Sequence[Entry], passages: Sequence[Passage]) -> Iterator[Entry | Passage]:
    """A passage comes after its row, and before the next."""
    keyed: list[tuple[tuple[int, int, int], Entry | Passage]] = [((one.seq, 0, 0), one) for one in entries]
    keyed += [((one.after, 1, one.nr), one) for one in passages]
    return (step for _, step in sorted(keyed, key=lambda pair: pair[0]))
