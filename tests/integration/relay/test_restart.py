"""Kafka and PostgreSQL end and come back, under a relay that goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from services.local.parts import Parts
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.runtime.records import Record

PERMITS = "department.permits.assignments"
PATIENCE_SECONDS = 90
COUNT = 3000
SIGNALS = 30


async def test_when_kafka_and_postgresql_come_back_the_relay_publishes_what_was_left(
    tmp_path: Path, prepared: Any, running: Any, read_from: Any
) -> None:
    prepare, writing = prepared
    rows = [(UUID(int=number % SIGNALS, version=4), PERMITS, str(number).encode(), None) for number in range(COUNT)]
    async with Parts(tmp_path, kafka_port=0, database_port=0) as parts:
        settings = Settings(kafka=parts.kafka, database=parts.database, kafka_timeout=timedelta(seconds=2))
        await prepare(settings)
        async with running(settings) as relay:
            async with writing(settings) as ledger:
                await ledger.write(*rows)
            await parts.stop()
            assert [check.name for check in await relay.ready() if not check.ok] == ["relay", "kafka"]
            ports = [urlsplit(address).port or 0 for address in (f"kafka://{settings.kafka}", parts.database)]
            async with Parts(tmp_path, *ports), writing(settings) as ledger:
                await ledger.write((UUID(int=0, version=4), PERMITS, b"later", None))
                await ledger.empty()
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not all(check.ok for check in await relay.ready()):  # noqa: ASYNC110 - seen from outside
                        await asyncio.sleep(0.1)
                await relay.stop()
                records: list[Record] = await read_from(settings, PERMITS)
    for number in range(SIGNALS):
        key = str(UUID(int=number, version=4)).encode()
        wanted = [value for one, _, value, _ in rows if str(one).encode() == key] + [b"later"] * (number == 0)
        assert list(dict.fromkeys(record.value for record in records if record.key == key)) == wanted
    print(f"{len(records) - COUNT - 1} repeats")  # noqa: T201 - a figure for whoever runs it
