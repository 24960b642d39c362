"""What happened in a run, as the checker sees it: what was said, what all topics hold, and what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from events.identifiers import SignalId
from services.ledger.fold import Passage
from services.ledger.state import State
from services.runtime.records import Record

Place = tuple[str, int]
Answer = Literal["accepted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One event, or something that is none, that was sent; `unknown`: nobody answered, so it may have arrived."""

    topic: str
    source: str
    """Empty when it is no event."""
    id: str
    value: bytes
    way: Literal["kafka", "http"]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the record, and the version of the agreements under which it was decided."""

    seq: int
    topic: str
    partition: int
    offset: int
    at: datetime
    source: str
    id: str
    type: str
    signal: UUID | None
    sender: str
    refused: str | None
    body: bytes
    agreements: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as the ledger keeps it: where it was read, and why it is one."""

    topic: str
    read_at: tuple[str, int, int]
    reason: str


@dataclass(frozen=True, slots=True)
class Fall:
    """A counter that was less than before."""

    name: str
    labels: str
    before: int
    after: int


@dataclass(slots=True)
class History:
    """All of one run."""

    sent: list[Sent] = field(default_factory=list)
    inputs: Sequence[Record] = ()
    """What lies on the topics that people write, in order per partition."""
    outputs: Sequence[Record] = ()
    """What lies on the topics that the loop writes."""
    record: Sequence[Recorded] = ()
    passages: Mapping[SignalId, Sequence[Passage]] = field(default_factory=dict)
    """How far time had passed where the record cannot tell, as the ledger notes it."""
    states: Mapping[SignalId, State] = field(default_factory=dict)
    letters: Sequence[Letter] = ()
    counters: Mapping[tuple[str, str], int] = field(default_factory=dict)
    falls: list[Fall] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)
    """The agreements by version; the one in force last under `current`."""
    current: str = ""
    settled_until: datetime | None = None
    """Every moment before it must have passed."""
    read_at: datetime | None = None
    """When the final reads began: no moment after it can have passed."""
    unsettled: str = ""
    """What did not come to rest after all was healed."""
    broken_seals: Sequence[str] = ()
    not_rebuilt: Sequence[str] = ()
    """The rows that `koikarper rebuild` would put right."""
    read_again: bool = False
    """The ledger was made to read everything once more: then a dead letter may be kept twice."""
