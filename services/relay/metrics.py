"""What the relay tells of itself while it runs; the contract's names (section 4) are the exporter's."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PREFIX = "koikarper_runtime_relay_"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The relay's runtime metrics, in a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.sent = Counter(f"{_PREFIX}rows_sent_total", "Rows that every replica has.", registry=registry)
        self.batch = Histogram(f"{_PREFIX}batch_rows", "Rows read at once.", buckets=_ROWS, registry=registry)
        self.publish = Histogram(
            f"{_PREFIX}publish_seconds", "From reading a batch to its deletion.", buckets=_SECONDS, registry=registry
        )
        self.waited = Histogram(
            f"{_PREFIX}outbox_wait_seconds",
            "From writing a row into the outbox to the word of all replicas.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.failures = Counter(
            f"{_PREFIX}failures_total", "Attempts to publish a row that failed.", ("reason",), registry=registry
        )
        self.active = Gauge(f"{_PREFIX}active", "1: this relay publishes; 0: it stands by.", registry=registry)
        self.held = Gauge(
            f"{_PREFIX}held", "Signals and lone rows that wait because a row of theirs failed.", registry=registry
        )
