"""What a seed means: which faults, when, on whom, and how much is said meanwhile. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Arena = Literal["single", "cluster"]

POINTS: dict[str, str] = {
    "kill-polled": "ledger",
    "kill-in-transaction": "ledger",
    "kill-committed-offsets-not": "ledger",
    "kill-outbox-read": "relay",
    "kill-published-row-not-deleted": "relay",
    "kill-moment-being-decided": "timekeeper",
    "kill-mid-rebalance": "ledger",
    "kill-dead-letter-sent-not-committed": "relay",
    "kill-dead-letter-kept-not-committed": "ledger",
    "kill-gateway-after-publish": "gateway",
}
"""Each named point at which a service is killed (`points.py`), and the service."""
FREEZES = {"freeze-ledger": "ledger", "freeze-relay": "relay", "freeze-timekeeper": "timekeeper"}
BROKER = (
    "freeze-broker",
    "broker-killed",
    "database-killed",
    "broker-unreachable",
    "database-unreachable",
    "disk-full",
)
TRAFFIC = ("duplicates", "poison", "burst", "department-reads-nothing")
OTHER = (
    "same-instance-twice",
    "ledgers-join-and-leave",
    "replay-from-0",
    "partitions-added",
    "agreements-changed",
    "dead-letter-topic-away",
    "clock-forth-and-back",
    "clock-back-and-forth",
)
CLUSTER = ("one-of-three-brokers-killed",)
FAULTS: tuple[str, ...] = (*POINTS, *FREEZES, *BROKER, *TRAFFIC, *OTHER, *CLUSTER)
"""Every kind of fault."""
_ALONE = {"agreements-changed": ("replay-from-0",), "replay-from-0": ("agreements-changed",)}
"""Kinds that would make each other's outcome unknowable: what is read again is read by the agreements then in force."""
_POISONED = {"poison", "kill-dead-letter-sent-not-committed", "kill-dead-letter-kept-not-committed", "freeze-ledger"}
_SINGLE_ONLY = frozenset(BROKER)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, when it begins (seconds from the first event), and what it needs to know."""

    kind: str
    at: float
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one run that is drawn."""

    seed: int
    faults: tuple[Fault, ...]
    seconds: float
    """How long teams report."""
    signals: int
    poison: float
    """The share of records that cannot be read."""
    repeats: float
    """The share of events that are sent again."""
    over_http: float
    """The share of events that go by the gateway."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its faults."""
        return frozenset(fault.kind for fault in self.faults)

    @property
    def arena(self) -> Arena:
        """Whether it needs three brokers."""
        return "cluster" if self.kinds & set(CLUSTER) else "single"


def drawing(*parts: object) -> random.Random:
    """Lots that follow from these parts alone, whoever draws first."""
    return random.Random(" ".join(map(str, parts)))  # noqa: S311 - drawn again from the seed; nothing is kept secret by it


def draw(seed: int, only: Sequence[str] = ()) -> Plan:
    """The plan of a seed; `only` are the kinds to choose from (all of them, in every run), or none for any."""
    lot = drawing(seed)
    kinds = list(only) or _some(lot)
    faults = tuple(sorted((_fault(lot, kind) for kind in kinds), key=lambda fault: fault.at))
    return Plan(
        seed=seed,
        faults=faults,
        seconds=lot.uniform(4.0, 6.0),
        signals=lot.randint(25, 60),
        poison=0.05 if _POISONED & set(kinds) else lot.choice((0.0, 0.02)),
        repeats=0.4 if "duplicates" in kinds else lot.choice((0.0, 0.1)),
        over_http=lot.choice((0.3, 0.5, 0.7)),
    )


def covering(seeds: Iterable[int], missing: frozenset[str]) -> int:
    """Of these seeds the one whose faults have most in common with `missing`: so a few runs show every kind."""
    return max(seeds, key=lambda seed: len(draw(seed).kinds & missing))


def _some(lot: random.Random) -> list[str]:
    """Two to four kinds that go together; one run in thirty on three brokers."""
    on_cluster = lot.random() < 1 / 30
    chosen = list(CLUSTER) if on_cluster else []
    pool = [kind for kind in FAULTS if kind not in CLUSTER and not (on_cluster and kind in _SINGLE_ONLY)]
    lot.shuffle(pool)
    wanted = lot.randint(2, 4)
    for kind in pool:
        together = not any(kind in _ALONE.get(other, ()) for other in chosen)
        heavy = sum(other in BROKER or other in CLUSTER for other in chosen)
        if together and not (heavy and kind in BROKER) and len(chosen) < wanted:
            chosen.append(kind)
    return chosen


def _fault(lot: random.Random, kind: str) -> Fault:
    options: dict[str, Any] = {"which": lot.randint(0, 1)}
    if kind in POINTS or kind == "freeze-ledger":
        options["hit"] = lot.randint(1, 2 if kind == "kill-mid-rebalance" else 4)
    return Fault(kind, lot.uniform(0.3, 3.5), options)
