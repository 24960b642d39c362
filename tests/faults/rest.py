"""When everything has come to rest: all is read, all is told, and no moment is left that should have passed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from services.agreements.loading import load
from services.agreements.topics import inputs
from services.runtime.settings import Settings

PATIENCE_SECONDS = 60
CALM_LOOKS = 3
"""So many in a row that find the same: what was on its way when people fell silent has come by then."""
LATE = timedelta(seconds=3)
"""How long after its moment a promise may be undecided: the settle time, and a look of each service."""


class Rest:
    """Looks until there is rest; `settled_until` is the moment before which all has passed then."""

    def __init__(self, settings: Settings, direct: str, schema: str, agreements: Path) -> None:
        self._settings = settings
        self._direct = direct
        self._schema = schema
        self._agreements = agreements
        self.settled_until: datetime | None = None

    async def come(self) -> str:
        """Wait for it; what did not come to rest, or nothing."""
        limit = time.monotonic() + PATIENCE_SECONDS
        trouble, calm, before = "nobody could look", 0, None
        while time.monotonic() < limit:
            with contextlib.suppress(KafkaError, OSError, TimeoutError, asyncpg.PostgresError):
                ends = await self._ends()
                trouble = await self._trouble(ends)
                calm, before = (calm + 1 if not trouble and ends == before else 0), ends
                if calm >= CALM_LOOKS:
                    return ""
            await asyncio.sleep(0.4)
        return trouble or "something is still said"

    async def _trouble(self, ends: dict[tuple[str, int], int]) -> str:
        connection = await asyncpg.connect(self._direct, server_settings={"search_path": self._schema})
        try:
            rows = await connection.fetch("select topic, partition, next_offset, read_until from reading")
            read = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            unread = [place for place, end in ends.items() if read.get(place, 0) < end]
            if unread:
                return f"unread: {unread[:5]}"
            if left := await connection.fetchval("select count(*) from outbox"):
                return f"{left} rows in the outbox"
            now = await connection.fetchval("select clock_timestamp()")
            due = await connection.fetchval("select min(next_moment_at) from signal")
            if due is not None and due < now - LATE:
                slow = sorted((row["read_until"] or now - timedelta(days=1), row["topic"]) for row in rows)[:3]
                return f"a moment at {due} has not passed at {now}; read until {slow}"
            self.settled_until = now - LATE
            return ""
        finally:
            await connection.close()

    async def _ends(self) -> dict[tuple[str, int], int]:
        prefix = self._settings.topic_prefix
        topics = [prefix + name for name in inputs(load(self._agreements))]
        consumer = AIOKafkaConsumer(*topics, bootstrap_servers=self._settings.kafka, request_timeout_ms=8000)
        await consumer.start()  # without a group it has all partitions at once
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            return {(one.topic.removeprefix(prefix), one.partition): end for one, end in ends.items()}
        finally:
            await consumer.stop()
