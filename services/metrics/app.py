"""The exporter's composition root."""

from prometheus_client import CollectorRegistry

from services.agreements.loading import load
from services.agreements.topics import inputs
from services.ledger.books import LedgerBooks
from services.metrics.exporter import Exporter
from services.runtime.clock import Clock, now
from services.runtime.database import engine
from services.runtime.settings import Settings


def build(settings: Settings, *, registry: CollectorRegistry | None = None, clock: Clock = now) -> Exporter:
    """An exporter of the ledger in `settings.database_schema`; nothing connects until it is started.

    Its `registry` is served by the health server of the process. `clock` says what is overdue, and how old a snapshot
    is.
    """
    database = engine(settings, pool_size=1, application="koikarper-metrics")
    agreements = load(settings.agreements)
    books = LedgerBooks(database, agreements)
    registry = registry or CollectorRegistry()
    topics = settings.input_topics or inputs(agreements)
    departments = tuple(agreements.departments)
    return Exporter(settings, database, books, registry, clock, departments=departments, topics=topics)
