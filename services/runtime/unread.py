"""How much of its partitions a consumer has not done, and since when: looked at in the background, never at a scrape.

What can be known honestly of the oldest that is not done:

- of a record that was fetched, its own timestamp;
- of one that was not fetched, only that at the last look which found nothing unread it was not there yet: that moment
  is a lower bound, at most one look off while the consumer is well;
- with no such look (a backlog at the start), nothing: then it is absent.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import IllegalStateError, KafkaError  # type: ignore[import-untyped]  # as above

from services.runtime.clock import Clock, now
from services.runtime.consumer_metrics import UnreadCollector
from services.runtime.fence import Fence
from services.runtime.progress import Progress
from services.runtime.records import Record
from services.runtime.tasks import ended

_log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
ANSWER_TIMEOUT_SECONDS = 5.0


@dataclass(slots=True)
class Held:
    """Records that were fetched and are not done: of a batch at work, and of batches that failed."""

    prefix: str
    _records: tuple[Record, ...] = ()

    def take(self, records: tuple[Record, ...]) -> None:
        """A batch is taken. What failed before stays, except of partitions that are read again with this one."""
        if self._records:
            again = {(record.topic, record.partition) for record in records}
            records += tuple(one for one in self._records if (one.topic, one.partition) not in again)
        self._records = records

    def done(self) -> None:
        """All of the batch is done; what failed before it comes again, and is known again then."""
        self._records = ()

    def firsts(self, progress: Progress) -> dict[TopicPartition, Record]:
        """The first record of each partition that is not done."""
        firsts: dict[TopicPartition, Record] = {}
        for record in self._records:
            partition = TopicPartition(self.prefix + record.topic, record.partition)
            if record.offset >= (progress.next_offset(partition) or 0):
                firsts.setdefault(partition, record)
        return firsts


@dataclass(slots=True)
class Unread:
    """Looks every so often at what `fence` says is this worker's, and shows it."""

    topics: Sequence[str]
    """Logical names; each has a figure, also when none of its partitions is this worker's."""
    prefix: str
    consumer: Callable[[], AIOKafkaConsumer | None]
    fence: Fence
    progress: Progress
    collector: UnreadCollector
    held: Held
    clock: Clock = now
    _clear: dict[TopicPartition, datetime] = field(default_factory=dict)
    """When nothing of a partition was unread, last."""
    _looked: datetime | None = None
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more, and show nothing that would grow old; harmless when not started."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)
            self.collector.show({}, {}, self._looked)

    async def look(self) -> None:
        """Look once. Without an answer of Kafka only what was fetched is known, and how much there is, is not."""
        generation, partitions, asked = self.fence.generation, self.fence.partitions, self.clock()
        places = await self._places(partitions)
        if generation != self.fence.generation:
            return  # these partitions are another's now; the next look is at the new ones
        firsts = self.held.firsts(self.progress)
        lags = {one: self._lag(one, end, position, firsts) for one, (end, position) in (places or {}).items()}
        self._clear = {one: moment for one, moment in self._clear.items() if one in partitions}
        self._clear |= {one: asked for one, lag in lags.items() if lag == 0}
        lag = {} if places is None else dict.fromkeys(self.topics, 0)
        for partition, count in lags.items():
            lag[self._logical(partition)] += count
        self._looked = self._looked if places is None else asked
        self.collector.show(lag, self._oldest(partitions, lags, firsts), self._looked)

    def _oldest(
        self,
        partitions: frozenset[TopicPartition],
        lags: Mapping[TopicPartition, int],
        firsts: Mapping[TopicPartition, Record],
    ) -> dict[str, datetime]:
        oldest: dict[str, datetime] = {}
        for partition in partitions:
            moment = self._clear.get(partition) if lags.get(partition) else None
            if partition in firsts:
                moment = firsts[partition].timestamp
            if moment is not None:
                topic = self._logical(partition)
                oldest[topic] = min(oldest.get(topic, moment), moment)
        return oldest

    async def _places(self, partitions: frozenset[TopicPartition]) -> dict[TopicPartition, tuple[int, int]] | None:
        """The next offset that Kafka will give of each, and the consumer's position; None when Kafka does not say.

        Kafka is asked, for a consumer that is held fetches nothing, and knows the end as of its last fetch only.
        """
        if not partitions:
            return {}
        consumer = self.consumer()
        if consumer is None:
            return None  # it stopped for good
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                ends = await consumer.end_offsets(list(partitions))
                return {one: (end, await consumer.position(one)) for one, end in ends.items()}
        except (KafkaError, OSError, IllegalStateError) as error:  # TimeoutError is an OSError
            _log.debug("Kafka does not say how much there is to read: %s", error)
            return None

    def _lag(self, partition: TopicPartition, end: int, position: int, firsts: Mapping[TopicPartition, Record]) -> int:
        """Of what is not held the position is exact, also over marks of transactions, which are no records."""
        if partition in firsts:
            return max(0, end - firsts[partition].offset)
        return max(0, end - max(position, self.progress.next_offset(partition) or 0))

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - figures that fail must not fail the work; they are absent then
                self.collector.show({}, {}, self._looked)
                _log.exception("How much there is to read could not be looked at")
            await asyncio.sleep(LOOK_SECONDS)

    def _logical(self, partition: TopicPartition) -> str:
        name: str = partition.topic.removeprefix(self.prefix)
        return name
