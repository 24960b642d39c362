"""The end of a log: what nobody answered is decided, with the timekeeper's own transaction and the log as the clock.

While the log is sent, each answer first lets pass what lies before it. What was never answered is left. A timekeeper
that runs goes by how far the ledger has read, and would wait for ever for a log that has ended; so the replay, which
knows that nothing more comes, says itself how far time has passed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.agreements.model import Agreements
from services.ledger.books import LedgerBooks
from services.local.replay.progress import Bars
from services.runtime.database import engine, transient_errors
from services.runtime.settings import Settings
from services.timekeeper.passing import let_pass, take

BATCH = 200
_COMING = text("select count(*) from signal where next_moment_at < :before")


async def pass_moments(settings: Settings, agreements: Agreements, before: datetime, bars: Bars) -> None:
    """Let every moment that lies before `before` happen; the ledger must have read the whole log.

    A moment at exactly `before` has not passed: an answer at that moment would be in time.
    """
    database = engine(settings, pool_size=1)
    books = LedgerBooks(database, agreements)
    done = 0
    try:
        while coming := await _coming(database, before):
            bars.show("Moments that pass", done, done + coming)
            done += await _pass_some(database, books, before)
        bars.show("Moments that pass", done, done)
    finally:
        await database.dispose()


async def _coming(database: AsyncEngine, before: datetime) -> int:
    async with transient_errors(), database.connect() as connection:
        return int(await connection.scalar(_COMING, {"before": before}) or 0)


async def _pass_some(database: AsyncEngine, books: LedgerBooks, before: datetime) -> int:
    async with transient_errors(), database.begin() as connection:
        signals = await take(connection, before, BATCH)
        return len((await let_pass(connection, signals, before, books)).passed)
