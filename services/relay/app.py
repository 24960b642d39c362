"""The relay's composition root."""

from prometheus_client import CollectorRegistry

from services.relay.metrics import Metrics
from services.relay.relay import Relay
from services.runtime.publisher import Publisher
from services.runtime.settings import Settings


def build(settings: Settings, *, registry: CollectorRegistry | None = None) -> Relay:
    """A relay for the outbox of `settings.database_schema`; nothing connects until it is started.

    `registry` is where its runtime metrics are found; without one they are kept to itself.
    """
    registry = registry or CollectorRegistry()
    publisher = Publisher(settings, client="relay", gathered=True, registry=registry)
    return Relay(settings, publisher, Metrics(registry))
