"""How far each partition is done, and the consumer's positions kept in step with it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import IllegalStateError  # type: ignore[import-untyped]  # as above

from services.runtime.errors import KoikarperError
from services.runtime.records import Record

_log = logging.getLogger(__name__)

Firsts = Mapping[TopicPartition, int]
"""The first offset of a batch in each of its partitions."""

MEND = "Restore it, or delete the position that the service keeps of it, and it is read whole."


class PositionError(KoikarperError):
    """The consumer does not stand where it must; reading on would lose records or repeat them."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far one partition is read."""

    next_offset: int | None
    """Every record before it is done; None when nothing of it was read yet by this worker."""
    read_until: datetime | None
    """Everything received before this moment is done; None unless it is read to its end and nothing is at work."""


class Progress:
    """Next offsets by partition: everything before them is done. Physical topic names; the prefix is added here."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._next: dict[TopicPartition, int] = {}
        self._gaps: dict[TopicPartition, int] = {}

    def next_offset(self, partition: TopicPartition) -> int | None:
        """The first offset that is not done; None when nothing is known of the partition."""
        return self._next.get(partition)

    def begin(self, offsets: Mapping[TopicPartition, int]) -> None:
        """A new assignment: what was known of the old one is no longer so."""
        self._next = dict(offsets)
        self._gaps = {}

    def done(self, stretch: Sequence[Record]) -> None:
        """Every record of `stretch` is worked or rejected."""
        lasts = {(record.topic, record.partition): record.offset for record in stretch}
        for (topic, number), offset in lasts.items():
            self._next[TopicPartition(self._prefix + topic, number)] = offset + 1

    def firsts(self, records: Sequence[Record]) -> dict[TopicPartition, int]:
        """The first offset of each partition among `records`, which are in order: where a batch begins."""
        firsts = {(record.topic, record.partition): record.offset for record in reversed(records)}
        return {TopicPartition(self._prefix + topic, number): offset for (topic, number), offset in firsts.items()}

    async def rewind(self, consumer: AIOKafkaConsumer, firsts: Firsts) -> None:
        """Go back to the first record of each partition that is not done; raises `PositionError` if that fails.

        A partition that is assigned no longer is left alone: whoever has it now reads on from its own position.
        """
        for partition, first in firsts.items():
            target = max(first, self._next.get(partition, first))
            try:
                consumer.seek(partition, target)
                position = await consumer.position(partition)
            except IllegalStateError:
                continue
            if position != target:
                raise PositionError(f"{partition.topic}-{partition.partition} stands at {position}, not at {target}")

    def reached(self, firsts: Firsts) -> dict[TopicPartition, int]:
        """The next offset of each partition of a batch, all of which is done."""
        return {partition: self._next[partition] for partition in firsts}

    def gaps(self, firsts: Firsts) -> list[TopicPartition]:
        """The partitions in which a batch begins later than what is done ends, and did not do so before.

        The end of a transaction, or a record removed by age, leaves a gap of which the broker gives nothing: then a
        second reading begins at the same offset. Any other gap means that records were taken out and lost.
        """
        found = []
        for partition, first in firsts.items():
            if first > self._next.get(partition, first) and self._gaps.get(partition) != first:
                self._gaps[partition] = first
                found.append(partition)
        return found

    def refuse_known(self, firsts: Firsts) -> None:
        """Raise `PositionError` when a batch begins a partition before what is done: the topic was lost and made anew.

        aiokafka, whose position then lies beyond the end, begins the partition from its start without a word; these
        are new records under offsets that were seen before, and dropping them as known would lose them.
        """
        for partition, first in firsts.items():
            known = self._next.get(partition, 0)
            if first < known:
                raise PositionError(
                    f"{partition.topic}-{partition.partition} was read up to offset {known}, but begins again at "
                    f"{first}: the topic was lost or made anew. {MEND}"
                )


async def start_offsets(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition], known: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Where to begin: the known next offset, or the partition's first.

    Raises `PositionError` when a topic ends before what was already read of it: aiokafka would begin it anew without
    a word, and nothing tells which of its records are known.
    """
    partitions = list(partitions)
    firsts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    offsets = {}
    for partition in partitions:
        place = f"{partition.topic}-{partition.partition}"
        offset = known.get(partition, firsts[partition])
        if offset > ends[partition]:
            raise PositionError(
                f"{place} ends at offset {ends[partition]}, but it was already read up to {offset}: the topic was "
                f"lost or made anew. {MEND}"
            )
        if offset < firsts[partition]:
            _log.error("%s: the records %d to %d were deleted by age, unread", place, offset, firsts[partition] - 1)
        offsets[partition] = max(offset, firsts[partition])
    return offsets


async def polled_to_end(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """The time in milliseconds of the last poll, when the partition is read to its end; else None.

    Not "now": with a broker that hangs, position and end stay equal for ever.
    """
    if partition not in consumer.assignment():
        return None
    polled: int | None = consumer.last_poll_timestamp(partition)
    if polled is None or await consumer.position(partition) != consumer.highwater(partition):
        return None
    return polled
