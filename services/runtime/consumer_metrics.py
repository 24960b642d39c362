"""What a consumer tells of itself: how much is unread and since when, its batches, its retries.

FastStream's own Prometheus middleware does not fit: it joins the bodies of a batch to measure them, and fails on a
parser that hands records on undecoded; and it books a batch of many topics under the first one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX = "koikarper_runtime_consumer_"
LAG = f"{PREFIX}lag_records"
OLDEST_UNREAD = f"{PREFIX}oldest_unread_timestamp_seconds"
LOOKED = f"{PREFIX}lag_timestamp_seconds"

_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class UnreadCollector(Collector):
    """Serves what was seen last. It is made beforehand, so a scrape can neither fail nor touch the event loop."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._families: tuple[Metric, ...] = ()

    def show(self, lag: Mapping[str, int], oldest: Mapping[str, datetime], looked: datetime | None) -> None:
        """From now on serve these, by topic; a topic that is left out is absent, for nothing is known of it."""
        labels = ("consumer", "topic")
        records = GaugeMetricFamily(LAG, "Records of this worker's partitions that are not yet done.", labels=labels)
        for topic, count in sorted(lag.items()):
            records.add_metric((self._consumer, topic), count)
        moments = GaugeMetricFamily(
            OLDEST_UNREAD,
            "When the oldest record that is not yet done was received, or the last moment before it; absent when none.",
            labels=labels,
        )
        for topic, moment in sorted(oldest.items()):
            moments.add_metric((self._consumer, topic), moment.timestamp())
        when = GaugeMetricFamily(LOOKED, "When Kafka last said how much there is to read.", labels=("consumer",))
        if looked is not None:
            when.add_metric((self._consumer,), looked.timestamp())
        self._families = (records, moments, when)

    def collect(self) -> Iterable[Metric]:
        """What was seen last; called in any thread."""
        return self._families

    def describe(self) -> Sequence[Metric]:
        """None: registering asks for nothing."""
        return []


class ConsumerMetrics:
    """The metrics of one consumer, in a registry that is handed in; several consumers need one each."""

    def __init__(self, registry: CollectorRegistry, consumer: str) -> None:
        label = ("consumer",)
        records = Histogram(
            f"{PREFIX}batch_records", "Records worked at once.", label, buckets=_RECORDS, registry=registry
        )
        seconds = Histogram(
            f"{PREFIX}batch_seconds", "Work on one batch, failed or not.", label, buckets=_SECONDS, registry=registry
        )
        retries = Counter(f"{PREFIX}retries_total", "Batches that are tried again.", label, registry=registry)
        self.records = records.labels(consumer)
        self.seconds = seconds.labels(consumer)
        self.retries = retries.labels(consumer)
        self.unread = UnreadCollector(consumer)
        registry.register(self.unread)
