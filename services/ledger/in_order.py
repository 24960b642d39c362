"""Many partitions as one stream, the earliest record first, each partition in its own order; up to where they now end.

The order is that of the broker's moments. A leader's clock may step back, so a record counts as no earlier than the
one before it in its partition, as in a batch (`intake.in_order`).
"""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed

from services.runtime.records import Record, record_of

POLL_RECORDS = 100
"""Taken from the consumer in one go, so this bounds what is held of each partition."""
POLL_MS = 500


class _Reading:
    """What was taken of one partition and not yet given on."""

    def __init__(self, partition: TopicPartition, end: int) -> None:
        self.partition = partition
        self.end = end
        self.ahead: deque[tuple[datetime, Record]] = deque()
        self._latest: datetime | None = None

    def take(self, record: Record) -> None:
        """One more, unless it came after the end."""
        if record.offset < self.end:
            self._latest = max(record.timestamp, self._latest or record.timestamp)
            self.ahead.append((self._latest, record))


async def in_order(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], prefix: str
) -> AsyncIterator[Record]:
    """Every record from the consumer's positions up to `ends`; waits without end while the broker is away."""
    open_ = [_Reading(partition, end) for partition, end in ends.items()]
    while open_ := await _filled(consumer, open_, prefix):
        earliest = min(open_, key=lambda reading: reading.ahead[0][0])
        yield earliest.ahead.popleft()[1]


async def _filled(consumer: AIOKafkaConsumer, readings: list[_Reading], prefix: str) -> list[_Reading]:
    """Those that have more, each with at least one record at hand."""
    missing = {reading.partition: reading for reading in readings if not reading.ahead}
    while missing:
        missing = {
            partition: reading
            for partition, reading in missing.items()
            if not reading.ahead and await consumer.position(partition) < reading.end
        }
        if missing:
            polled = await consumer.getmany(*missing, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            for partition, records in polled.items():
                for raw in records:
                    missing[partition].take(record_of(raw, prefix))
    return [reading for reading in readings if reading.ahead]
