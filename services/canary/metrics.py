"""What the canary tells of itself: how far its rounds get. The contract's own figures are the exporter's."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

Step = Literal["sent", "assigned", "proposed", "closed"]
STEPS: tuple[Step, ...] = ("sent", "assigned", "proposed", "closed")
_PREFIX = "koikarper_runtime_canary_"


class Metrics:
    """The canary's runtime metrics, in a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        steps = Counter(
            f"{_PREFIX}steps_total",
            "How far rounds got: sent by way of the gateway, assigned, proposed to be confirmed, closed.",
            ("step",),
            registry=registry,
        )
        self._steps = {step: steps.labels(step) for step in STEPS}
        self.failures = Counter(
            f"{_PREFIX}send_failures_total", "Calls in which the gateway did not take an event.", registry=registry
        )
        self.under_way = Gauge(f"{_PREFIX}under_way", "Rounds that began and did not close yet.", registry=registry)

    def step(self, step: Step) -> None:
        """A round got this far."""
        self._steps[step].inc()
