"""From a snapshot to families of samples, every label set of the agreements among them; pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from services.ledger.counting import BUCKETS, ENDLESS, SEPARATOR, Name
from services.metrics import definitions as d
from services.metrics.label_sets import Labels, LabelSets
from services.metrics.snapshot import Snapshot

Values = dict[Labels, float]
MICROSECONDS = 1_000_000
_LE = tuple(bucket if bucket == ENDLESS else f"{bucket}.0" for bucket in BUCKETS)  # as prometheus-client writes them
_COUNTERS: dict[Name, d.Definition] = {
    "signals": d.SIGNALS,
    "signals_closed": d.SIGNALS_CLOSED,
    "deadlines": d.DEADLINES,
    "answers": d.ANSWERS,
    "escalations": d.ESCALATIONS,
    "precedents": d.PRECEDENTS,
    "dead_letters": d.DEAD_LETTERS,
}


def families(snapshot: Snapshot, sets: LabelSets) -> tuple[Metric, ...]:
    """Everything that is known at the snapshot's moment; what is not known is left out, never 0."""
    return (*_counters(snapshot, sets), *_gauges(snapshot, sets), _waits(snapshot, sets), _ages(snapshot, sets))


def _counters(snapshot: Snapshot, sets: LabelSets) -> Iterator[Metric]:
    counts = _counts(snapshot)
    for name, metric in _COUNTERS.items():
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        _add(family.add_metric, _zeros(metric, sets) | counts[name])
        yield family


def _gauges(snapshot: Snapshot, sets: LabelSets) -> Iterator[Metric]:
    gauges: dict[d.Definition, Values] = {
        d.SIGNALS_OPEN: {(row.kind, row.state): row.open for row in snapshot.signals},
        d.ASSIGNMENTS_OPEN: _open(snapshot),
        d.OLDEST: _oldest(snapshot),
        d.OVERDUE: _overdue(snapshot),
        d.NEXT_DEADLINE: _next_deadlines(snapshot),
        d.LONGEST: {
            (str(row.id), row.department, row.kind, row.state): row.waiting_since.timestamp()
            for row in snapshot.longest
        },
        d.PATTERNS_OPEN: {},  # none is detected yet, so none is open
        d.OUTBOX_ROWS: {(): snapshot.outbox_rows},
        d.OUTBOX_OLDEST: {(): snapshot.outbox_oldest.timestamp()} if snapshot.outbox_oldest else {},
        d.DEAD_LETTERS_OPEN: {(row.topic, row.reason): row.open for row in snapshot.dead_letters},
        d.READ_UNTIL: _read_until(snapshot, sets),
        **_canary(snapshot),
        d.SNAPSHOT: {(): snapshot.at.timestamp()},
        d.DATABASE_SIZE: {(): snapshot.database_bytes},
    }
    for metric, values in gauges.items():
        family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        _add(family.add_metric, _zeros(metric, sets) | values)
        yield family


def _canary(snapshot: Snapshot) -> dict[d.Definition, Values]:
    last = snapshot.canary
    return {
        d.CANARY_ROUNDTRIP: {(): last.took.total_seconds()} if last else {},
        d.CANARY_LAST_SUCCESS: {(): last.at.timestamp()} if last else {},
    }


def _waits(snapshot: Snapshot, sets: LabelSets) -> Metric:
    counts = _counts(snapshot)
    sums = {labels: value / MICROSECONDS for labels, value in counts["wait_microseconds"].items()}
    buckets = counts["wait_bucket"]
    family = HistogramMetricFamily(d.WAIT.name, d.WAIT.help, labels=d.WAIT.labels)
    for labels in sorted({*sets.of(d.WAIT), *sums}):
        each = [buckets.get((*labels, bucket), 0) for bucket in BUCKETS]
        family.add_metric(labels, _cumulated(each), sums.get(labels, 0))
    return family


def _ages(snapshot: Snapshot, sets: LabelSets) -> Metric:
    ages: dict[Labels, list[float]] = {labels: [0] * len(BUCKETS) for labels in sets.of(d.AGE)}
    sums: defaultdict[Labels, float] = defaultdict(float)
    for row in snapshot.assignments:
        group = (row.department, row.state)
        ages.setdefault(group, [0] * len(BUCKETS))[row.bucket] += row.open
        sums[group] += float(row.age)
    family = GaugeHistogramMetricFamily(d.AGE.name, d.AGE.help, labels=d.AGE.labels)
    for labels, each in sorted(ages.items()):
        family.add_metric(labels, _cumulated(each), sums[labels])
    return family


def _open(snapshot: Snapshot) -> Values:
    found: defaultdict[Labels, float] = defaultdict(float)
    for row in snapshot.assignments:
        found[row.department, row.kind, row.state] += row.open
    return found


def _oldest(snapshot: Snapshot) -> Values:
    found: Values = {}
    for row in snapshot.assignments:
        _earlier(found, (row.department, row.state), row.oldest)
    return found


def _overdue(snapshot: Snapshot) -> Values:
    found: defaultdict[Labels, float] = defaultdict(float)
    for row in snapshot.assignments:
        found[row.department, "acknowledge"] += row.acknowledge_overdue
        found[row.department, "resolve"] += row.resolve_overdue
    for row in snapshot.asked:
        found[row.department, "confirm"] += row.overdue
    return found


def _next_deadlines(snapshot: Snapshot) -> Values:
    found: Values = {}
    for row in snapshot.assignments:
        _earlier(found, (row.department, "acknowledge"), row.acknowledge_next)
        _earlier(found, (row.department, "resolve"), row.resolve_next)
    for row in snapshot.asked:
        _earlier(found, (row.department, "confirm"), row.next)
    return found


def _read_until(snapshot: Snapshot, sets: LabelSets) -> Values:
    """Of a topic all partitions count; one that was never read leaves the topic's moment unknown."""
    moments: dict[str, dict[int, datetime | None]] = {
        topic: dict.fromkeys(range(count)) for topic, count in sets.partitions.items()
    }
    for row in snapshot.reading:
        if row.topic in moments:
            moments[row.topic][row.partition] = row.read_until
    found: Values = {}
    for topic, partitions in moments.items():
        known = [moment.timestamp() for moment in partitions.values() if moment is not None]
        if len(known) == len(partitions):
            found[topic,] = min(known)
    return found


def _earlier(found: Values, labels: Labels, moment: datetime | None) -> None:
    if moment is not None:
        found[labels] = min(found.get(labels, moment.timestamp()), moment.timestamp())


def _counts(snapshot: Snapshot) -> Mapping[str, Values]:
    counts: defaultdict[str, Values] = defaultdict(dict)
    for row in snapshot.counters:
        counts[row.name][tuple(row.labels.split(SEPARATOR))] = row.value
    return counts


def _zeros(metric: d.Definition, sets: LabelSets) -> Values:
    return dict.fromkeys(sets.of(metric), 0)


def _cumulated(each: list[float]) -> list[tuple[str, float]]:
    return list(zip(_LE, accumulate(each), strict=True))


def _add(add_metric: Callable[[Labels, float], None], values: Mapping[Labels, float]) -> None:
    for labels, value in sorted(values.items()):
        add_metric(labels, value)
