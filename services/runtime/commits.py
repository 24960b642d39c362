"""Kafka's own commits, beside the work: Kafka gathers them, so each takes 5 ms or more, in which a batch can be worked.

They lag a batch behind what is done. Without positions in a database, a crash in between gives so many more repeats.
"""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

_log = logging.getLogger(__name__)

COMMIT_TIMEOUT_SECONDS = 10.0


class Commits:
    """Tells Kafka how far partitions are done: one commit at a time, and with the next whatever was done meanwhile."""

    def __init__(self) -> None:
        self._wanted: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self, consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        """Have it told that everything before these offsets is done."""
        self._wanted.update(offsets)
        if self._task is None:
            self._task = asyncio.create_task(self._tell(consumer))

    async def settled(self) -> None:
        """Wait until all is told that was to be: before the partitions change hands, and before the consumer ends."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _tell(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while self._wanted:
                offsets, self._wanted = self._wanted, {}
                await _commit(consumer, offsets)
        finally:
            self._task = None


async def _commit(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    """One that fails loses nothing: the next says the same, or the records come again."""
    try:
        async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
            await consumer.commit(offsets)
    except (KafkaError, TimeoutError, OSError) as error:
        _log.info("Offsets were not committed: %s", error)
