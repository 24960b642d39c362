"""Whether the ledger's tables were set back: a backup was put back under it.

It is seen from Kafka's own commits. The ledger commits there only what its tables already hold, so a commit beyond
what the tables say belongs to a later state of them.
"""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # as above
from aiokafka.errors import (  # type: ignore[import-untyped]  # as above
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]  # as above
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ledger.positions import Place
from services.runtime.database import transient_errors
from services.runtime.errors import TransientError
from services.runtime.options import connection, consuming
from services.runtime.settings import Settings

COORDINATOR_ATTEMPTS_MAX, COORDINATOR_SECONDS = 60, 0.5
_STORED = text("select topic, partition, next_offset from reading")


async def was_set_back(settings: Settings, engine: AsyncEngine, service: str, topics: Sequence[str]) -> bool:
    """Whether Kafka knows of records of `topics` that were done and that the tables do not know of.

    Raises `TransientError` when one of both does not answer: then nobody knows.
    """
    committed = await _committed(settings, service)  # first: another ledger may be at work, and both go on
    async with transient_errors(), engine.connect() as database:
        rows = await database.execute(_STORED)
        stored: dict[Place, int] = {(row.topic, row.partition): row.next_offset for row in rows}
    return any(offset > stored.get(place, 0) for place, offset in committed.items() if place[0] in topics)


async def _committed(settings: Settings, service: str) -> dict[Place, int]:
    admin = AIOKafkaAdminClient(**connection(settings, f"{service}-commits"))
    try:
        await admin.start()
        offsets = await _offsets(admin, consuming(settings, service)["group_id"])
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer at {settings.kafka}: {error}") from error
    finally:
        await admin.close()
    prefix = settings.topic_prefix
    return {(at.topic.removeprefix(prefix), at.partition): known.offset for at, known in offsets.items()}


async def _offsets(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
    """What the group has committed; a cluster in which no group ever was first makes the topic for it."""
    attempts = 0
    while True:
        attempts += 1
        try:
            found: Mapping[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError):
            if attempts >= COORDINATOR_ATTEMPTS_MAX:
                raise
            await asyncio.sleep(COORDINATOR_SECONDS)
        else:
            return found
