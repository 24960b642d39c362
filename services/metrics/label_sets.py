"""Every label set that can occur, from all versions of the agreements; pure.

Each exists at 0 from the first scrape: `increase()` loses the first event of a new series, and here five events a day
are normal. Old versions count too, for what was promised under them still waits.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import get_args

from events.faults import REASONS
from events.outcomes import How, Stage
from events.signals import KINDS
from services.agreements.model import Agreements
from services.agreements.topics import inputs, topics
from services.ledger.department_answers import HAND_OVERS_TOLD
from services.ledger.state import OPEN, SignalState, Verdict
from services.metrics import definitions as d

Labels = tuple[str, ...]

STAGES: tuple[Stage, ...] = get_args(Stage)
OPEN_STATES = tuple(sorted(OPEN))
SIGNAL_STATES = tuple(state for state in get_args(SignalState) if state != "closed")
ANSWERS = ("acknowledged", "handed-over", "extended", "resolved", "confirmed", "contested")


@dataclass(frozen=True, slots=True)
class LabelSets:
    """What can occur in one town."""

    departments: tuple[str, ...]
    rungs: tuple[Labels, ...]
    """Department and number of each rung that calls somebody in."""
    partitions: Mapping[str, int]
    """How many partitions each topic has that the ledger reads."""

    def of(self, metric: d.Definition) -> tuple[Labels, ...]:
        """The label sets at which a counter or gauge stands at 0 when nothing was counted; none where it is absent."""
        sets: dict[d.Definition, Iterable[Labels]] = {
            d.SIGNALS: product(KINDS),
            d.SIGNALS_OPEN: product(KINDS, SIGNAL_STATES),
            d.SIGNALS_CLOSED: product(KINDS, get_args(How)),
            d.ASSIGNMENTS_OPEN: product(self.departments, KINDS, OPEN_STATES),
            d.AGE: product(self.departments, OPEN_STATES),
            d.OVERDUE: product(self.departments, STAGES),
            d.DEADLINES: product(self.departments, STAGES, get_args(Verdict)),
            d.WAIT: product(self.departments, STAGES),
            d.ANSWERS: product(self.departments, ANSWERS),
            d.ESCALATIONS: self.rungs,
            d.PRECEDENTS: product(self.departments),
            d.PATTERNS_OPEN: product(self.departments),
            d.DEAD_LETTERS: product(self.partitions, REASONS),
            d.DEAD_LETTERS_OPEN: product(self.partitions, REASONS),
        }
        return tuple(sets.get(metric, ()))


def label_sets(
    versions: Collection[Agreements], input_topics: Collection[str] = (), idle: Collection[str] = ()
) -> LabelSets:
    """The label sets of these versions; `input_topics` are what the ledger reads instead of what they ask for.

    `idle` are topics that they ask for and no ledger reads any more.
    """
    departments = sorted({code for version in versions for code in version.departments})
    rungs: set[Labels] = {(code, str(HAND_OVERS_TOLD)) for code in departments}
    rungs |= {rung for version in versions for rung in _rungs(version)}
    partitions: dict[str, int] = {}
    for version in versions:
        known = {topic.name: topic.partitions for topic in topics(version)}
        for name in (*input_topics,) or (name for name in inputs(version) if name not in idle):
            partitions[name] = max(known.get(name, 1), partitions.get(name, 1))
    return LabelSets(tuple(departments), tuple(sorted(rungs)), dict(sorted(partitions.items())))


def _rungs(agreements: Agreements) -> Iterable[Labels]:
    for department in agreements.departments.values():
        ladder = agreements.ladders[department.ladder].rungs if department.ladder else ()
        for rung in ladder:
            if rung.act == "escalate":
                yield department.code, str(rung.number)
