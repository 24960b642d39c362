"""The timekeeper's composition root."""

from prometheus_client import CollectorRegistry

from services.agreements.loading import load
from services.ledger.books import LedgerBooks
from services.runtime.clock import Clock, now
from services.runtime.database import engine
from services.runtime.settings import Settings
from services.timekeeper.metrics import Metrics
from services.timekeeper.timekeeper import LANES, Timekeeper


def build(settings: Settings, *, registry: CollectorRegistry | None = None, clock: Clock = now) -> Timekeeper:
    """A timekeeper for `settings.database_schema`; nothing connects until it is started.

    `registry` is where its runtime metrics are found; without one they are kept to itself. `clock` only says how long
    to sleep: which moments have passed is the ledger's word.
    """
    database = engine(settings, pool_size=LANES, application="koikarper-timekeeper")
    books = LedgerBooks(database, load(settings.agreements))
    return Timekeeper(settings, database, books, Metrics(registry or CollectorRegistry()), clock)
