"""The ends of some topics: how much was published since a moment, and what."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed

from services.runtime.settings import Settings

FETCH_MS = 1000
PAUSE_SECONDS = 0.005

Said = Mapping[tuple[str, bytes], list[bytes]]
"""The values of each logical topic and key, in the topic's order."""


class TopicEnds:
    """The ends of topics of one partition each, counted from when it was opened."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, topics: Collection[str]) -> None:
        self._consumer = consumer
        self._prefix = prefix
        self._places = [TopicPartition(prefix + topic, 0) for topic in topics]
        self._first: dict[TopicPartition, int] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, topics: Collection[str]) -> "AsyncIterator[TopicEnds]":
        """From now on; logical names."""
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            ends = cls(consumer, settings.topic_prefix, topics)
            ends._first = await consumer.end_offsets(ends._places)
            yield ends
        finally:
            await consumer.stop()

    async def grown(self) -> int:
        """How many records were added to all of them."""
        ends = await self._consumer.end_offsets(self._places)
        return sum(ends.values()) - sum(self._first.values())

    async def reached(self, count: int) -> int:
        """Wait until at least `count` records were added; how many then were."""
        while (grown := await self.grown()) < count:  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(PAUSE_SECONDS)
        return grown

    async def said(self) -> Said:
        """What was added, read back."""
        found: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
        self._consumer.assign(self._places)
        for place, offset in self._first.items():
            self._consumer.seek(place, offset)
        missing = await self.grown()
        while missing > 0:
            for place, records in (await self._consumer.getmany(timeout_ms=FETCH_MS)).items():
                missing -= len(records)
                for record in records:
                    found[place.topic.removeprefix(self._prefix), record.key].append(record.value)
        return found
