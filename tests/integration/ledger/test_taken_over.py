"""Who has the partitions by Kafka's word takes them over anew, when a zombie that is gone was the last to take them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from events.catalogue import neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from services.agreements.loading import parse
from services.agreements.topics import topics
from services.ledger import app as ledger
from services.ledger.migrations import migrate
from services.runtime.broker import Publisher
from services.runtime.clock import now
from services.runtime.database import engine
from services.runtime.topics import ensure
from tests.integration.ledger.desk import TOWN

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.runtime.settings import Settings

PATIENCE_SECONDS = 60


async def test_a_ledger_goes_on_after_a_dead_worker_took_its_partitions_over(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "agreements.yaml"
    file.write_text(TOWN)
    own = settings.model_copy(update={"agreements": file, "instance": "0", "backoff_first": timedelta(seconds=0.05)})
    await asyncio.gather(migrate(own), ensure(own, topics(parse(TOWN))))
    publisher, service, database = Publisher(own), ledger.build(own), engine(own, pool_size=1)
    await publisher.start()
    await service.start()
    await report(publisher, "first")
    await recorded(database, 1)
    async with database.begin() as connection:
        # What a twin of the same instance leaves behind that was given the partitions, and was killed.
        await connection.execute(text("update reading set owner = 'ledger-0-dead'"))
    await report(publisher, "second")
    await recorded(database, 2)
    await service.stop()
    await publisher.stop()
    await database.dispose()


async def report(publisher: Publisher, name: str) -> None:
    body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
    type_ = signal_type("initiative-blocked")
    event = structured(id_=name, source="urn:noord", type_=type_, time=now(), data=body | {"blockedBy": "permit"})
    await publisher.send(neighbourhood_topic("initiative-blocked"), name.encode(), encode(event), STRUCTURED_HEADERS)


async def recorded(database: AsyncEngine, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with database.connect() as connection:
                if await connection.scalar(text("select count(*) from record")) == count:
                    return
            await asyncio.sleep(0.05)
