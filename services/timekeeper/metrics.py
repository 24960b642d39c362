"""What the timekeeper tells of itself while it runs; the contract's names (section 4) are the exporter's."""

from prometheus_client import CollectorRegistry, Counter, Gauge

_PREFIX = "koikarper_runtime_timekeeper_"


class Metrics:
    """The timekeeper's runtime metrics, in a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.horizon = Gauge(
            f"{_PREFIX}horizon_timestamp_seconds",
            "The moment before which every moment has passed; 0: a partition was never read, nothing passes.",
            registry=registry,
        )
        self.stalled = Gauge(
            f"{_PREFIX}horizon_stalled", "1: the horizon stands still, and nobody is accused.", registry=registry
        )
        self.holding = Gauge(
            f"{_PREFIX}horizon_holding_partitions", "Partitions that hold a stalled horizon back.", registry=registry
        )
        self.passed = Counter(f"{_PREFIX}signals_passed_total", "Signals of which moments passed.", registry=registry)
        self.aside = Gauge(
            f"{_PREFIX}signals_set_aside", "Signals on which the work failed, tried again later.", registry=registry
        )
