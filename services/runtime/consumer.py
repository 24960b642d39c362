"""The consumer that loses nothing: batches, a fence, isolation of the bad record, and waits instead of hot loops.

What it does with an error of `work`:

- `PermanentError`: the batch is halved until the bad record stands alone, and that one is rejected;
- `TransientError`, and errors of the network or of Kafka: rewind to the first record that is not done,
  wait (longer each time, jittered), try again, without end;
- `Fenced` likewise; and when it comes again, Kafka is asked whose the partitions are. A zombie may have taken them over
  last and died: then Kafka says that they are this worker's, and nobody else would ever say so to the ledger;
- any other error is a fault in the code that one record may provoke. With `faults_wait` (a department's handler, which
  may call on a system that is away) it is tried again like a transient one until it failed `attempts_max` times in a
  row, and then treated as permanent, with the reason `unworkable`. Without (the ledger, whose senders wait for each
  other's records) the bad record is looked for at once, tried until it failed `attempts_max` times, and rejected as
  `unworkable`: nobody waits for it. Only when `attempts_max` records in a row ended so, with nothing worked between
  them, the fault may be ours, and is waited for as above.
  When all records fail so, the limit on dead letters stops the consumer, and nothing is drained.
"""

import asyncio
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from prometheus_client import CollectorRegistry

from services.runtime.backoff import Backoff
from services.runtime.checks import Check
from services.runtime.commits import Commits
from services.runtime.consumer_metrics import ConsumerMetrics
from services.runtime.errors import DeadLetterLimit, Fenced, KoikarperError, PermanentError
from services.runtime.fence import Fence
from services.runtime.isolation import UNWORKABLE, Ahead, Apart, Isolation, Reject, RejectRate, Without, Work
from services.runtime.membership import Membership, RawBatch
from services.runtime.progress import Position, PositionError, Progress, polled_to_end, start_offsets
from services.runtime.records import Record, moment, record_of
from services.runtime.settings import Settings
from services.runtime.topics import require
from services.runtime.unread import Held, Unread
from services.runtime.verdicts import Verdicts, is_infrastructure
from services.runtime.watchdog import Watchdog

__all__ = ["Consumer", "Partition", "Position", "Positions"]

_log = logging.getLogger(__name__)

Partition = tuple[str, int]
"""A logical topic and the number of one of its partitions."""

CLOSED_WAIT_SECONDS = 0.1
BATCHES_AHEAD = 4
"""So many batches are taken from the broker at once, of those that it has, where the next is prepared beforehand."""


class Positions(Protocol):
    """Where the offsets live that count: in the database of the service, beside what the records led to."""

    async def take_over(self, partitions: Collection[Partition], owner: str) -> dict[Partition, int]:
        """Make `owner` the owner of the partitions; answer the next offset of each. One left out is read whole."""
        ...


@dataclass(frozen=True, slots=True)
class _Batch:
    records: tuple[Record, ...]
    consumer: AIOKafkaConsumer
    generation: int


class Consumer:
    """One member of a service's group. `work` gets batches, in order per partition, and never two at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        service: str,
        topics: Sequence[str],
        work: Work,
        reject: Reject,
        positions: Positions | None = None,
        registry: CollectorRegistry | None = None,
        without: Without | None = None,
        faults_wait: bool = True,
        ahead: Ahead | None = None,
    ) -> None:
        """`registry` is where its runtime metrics are found; without one they are kept to itself.

        `without` works a batch and sets the records apart that an error of `work` named, in one step.
        `ahead` hears of the batch that follows while one is at work; then several are taken from the broker at once.

        `faults_wait`: an error that nobody foresaw is waited for before its record is looked for.
        """
        self.name = service
        self.owner = f"{service}-{settings.instance}-{uuid.uuid4().hex[:12]}"
        """Who this process is to the ledger: new with each start, so that a zombie is told from its heir."""
        self._settings = settings
        self._topics = tuple(dict.fromkeys(topics))
        self._positions = positions
        self._faults_wait = faults_wait
        rate = RejectRate(settings.dead_letters_max, settings.dead_letters_window)
        self._reject = reject
        self._work_of = work
        self._isolation = Isolation(
            self._measured,
            self._set_apart,
            rate,
            size=settings.batch_records,
            ahead=ahead,
            attempts_min=1 if faults_wait else settings.attempts_max,
        )
        self._isolation.without = self._without(without) if without is not None else None
        self._backoff = Backoff(settings.backoff_first.total_seconds(), settings.backoff_max.total_seconds())
        self._progress = Progress(settings.topic_prefix)
        self._commits = Commits()
        self._fence = Fence(self._take_over, self._wait_again, self._commits.settled)
        self._stopping = asyncio.Event()
        self._busy = False
        self._fenced = 0
        self._verdicts = Verdicts(settings.attempts_max, self._waits_for_faults)
        self._failure: KoikarperError | None = None
        self._trouble = ""
        taken_max = settings.batch_records * (BATCHES_AHEAD if ahead else 1)
        self._membership = Membership(
            settings, service, self._topics, self._fence, self._taken, self._handle, taken_max=taken_max
        )
        self._metrics = ConsumerMetrics(registry or CollectorRegistry(), service)
        self._held = Held(settings.topic_prefix)
        self._unread = Unread(
            topics=self._topics,
            prefix=settings.topic_prefix,
            consumer=lambda: self._membership.consumer,
            fence=self._fence,
            progress=self._progress,
            collector=self._metrics.unread,
            held=self._held,
        )
        self._joined = False
        self._watchdog: Watchdog | None = None
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the group; raises `KoikarperError` when a topic does not exist, `TransientError` without a broker."""
        await require(self._settings, self._topics)
        await self._membership.join()
        self._joined = True
        self._watchdog = Watchdog(self._membership.consumer, self._settings.silence_max, lambda: self._busy, self._fail)
        self._watchdog.start()
        self._unread.start()

    async def stop(self) -> None:
        """Finish the batch at work, within FastStream's patience, and leave; harmless when not started."""
        self._stopping.set()
        await self._unread.stop()
        if self._watchdog is not None:
            await self._watchdog.stop()
        if self._ending is not None:
            await self._ending
        await self._commits.settled()
        await self._membership.leave()
        self._fence.open = self._joined = False

    def ready(self) -> Check:
        """Whether the consumer has its partitions or stands by; a fatal one will not come right by itself."""
        name = f"{self.name} consumer"
        if self._failure is not None:
            return Check(name, ok=False, detail=str(self._failure), fatal=True)
        if not self._joined or self._stopping.is_set():
            return Check(name, ok=False, detail="not running")
        if not self._fence.open:
            return Check(name, ok=False, detail="waits for its partitions")
        if self._trouble:
            return Check(name, ok=False, detail=self._trouble)
        count = len(self._fence.partitions)
        return Check(name, ok=True, detail=f"{count} partitions" if count else "stands by: others have the partitions")

    @property
    def assigned(self) -> frozenset[Partition]:
        """The partitions that are this worker's now, taken over and open for work."""
        return frozenset(map(self._logical, self._fence.partitions)) if self._fence.open else frozenset()

    @property
    def rejected(self) -> int:
        """How many records were rejected since the start."""
        return self._isolation.rate.rejected

    def rejoin(self) -> None:
        """Ask Kafka whose the partitions are, and take over anew what is this worker's."""
        if self._joined and not self._stopping.is_set():
            self._membership.rejoin()

    async def read_positions(self) -> dict[Partition, Position]:
        """How far each partition is read. Write `read_until` only where `next_offset` is still the stored one."""
        if not self._fence.open:
            return {}
        generation, consumer = self._fence.generation, self._membership.consumer
        found = {}
        for partition in self._fence.partitions:
            polled = None if self._busy else await polled_to_end(consumer, partition)
            if self._busy or generation != self._fence.generation:
                polled = None
            found[self._logical(partition)] = Position(
                self._progress.next_offset(partition), moment(polled) if polled else None
            )
        return found

    def _taken(self, raw: RawBatch) -> _Batch:
        """Called in the same breath in which the records are taken, so their generation is certain."""
        self._busy = True
        prefix = self._settings.topic_prefix
        records = tuple([record_of(record, prefix) for record in raw])
        self._held.take(records)
        return _Batch(records, self._membership.consumer, self._fence.generation)

    async def _handle(self, batch: _Batch | Exception) -> None:
        pause_seconds = 0.0
        try:
            if isinstance(batch, Exception):
                self._fail(_failure_of(batch))
            else:
                async with self._fence.lock:
                    pause_seconds = await self._work(batch)
        except Exception as error:  # noqa: BLE001 - FastStream would go on with the next batch, and lose this one
            self._fail(_failure_of(error))
        finally:
            self._busy = False
            if self._watchdog is not None:
                self._watchdog.touch()
        if pause_seconds:
            await self._pause(pause_seconds)

    async def _work(self, batch: _Batch) -> float:
        """Work what is still this worker's, inside the fence; answers how many seconds to wait before reading on."""
        if batch.generation != self._fence.generation:
            return 0  # revoked since, or fetched before the seek: whoever has the partitions now reads them again
        firsts = self._progress.firsts(batch.records)
        if not self._fence.open or self._failure is not None or self._progress.gaps(firsts):
            await self._progress.rewind(batch.consumer, firsts)
            return CLOSED_WAIT_SECONDS
        self._progress.refuse_known(firsts)
        try:
            await self._isolation.run(batch.records, self._verdicts.judge, self._done)
        except BaseException as error:
            await self._progress.rewind(batch.consumer, firsts)
            if not isinstance(error, Exception):
                raise
            return self._seconds_after(error)
        self._verdicts.faults, self._fenced, self._trouble = 0, 0, ""
        self._held.done()
        self._commits.begin(batch.consumer, self._progress.reached(firsts))
        if self._stopping.is_set():
            await self._commits.settled()
        await asyncio.sleep(0)  # where nothing of a batch waits, neither would anything else of this process be done
        return 0

    async def _measured(self, records: Sequence[Record]) -> None:
        with self._metrics.seconds.time():
            await self._work_of(records)

    def _done(self, stretch: Sequence[Record]) -> None:
        self._metrics.records.observe(len(stretch))
        self._progress.done(stretch)
        self._backoff.reset()  # something moved: what fails next is a new trouble

    def _without(self, without: Without) -> Without:
        async def work(batch: Sequence[Record], apart: Sequence[Apart]) -> None:
            await without(batch, apart)
            for number, bad in enumerate(apart):
                self._tell(*bad, whole=number == 0)  # one that failed with others needs no traceback of its own

        return work

    async def _set_apart(self, record: Record, error: PermanentError, attempts: int) -> None:
        await self._reject(record, error, attempts)
        self._tell(record, error, attempts)

    def _tell(self, record: Record, error: PermanentError, attempts: int, *, whole: bool = True) -> None:
        if error.reason == UNWORKABLE:
            place = f"{record.topic}-{record.partition} at offset {record.offset}"
            cause = error.__cause__ if whole else None
            _log.error("%s of %s is unworkable, attempt %d", place, self.name, attempts, exc_info=cause)

    def _waits_for_faults(self) -> bool:
        return self._faults_wait or self._isolation.unworkable >= self._settings.attempts_max

    def _seconds_after(self, error: Exception) -> float:
        if isinstance(error, DeadLetterLimit):
            self._fail(error)
            return 0
        self._metrics.retries.inc()
        self._trouble = f"{type(error).__name__}: {error}"
        if isinstance(error, Fenced):
            _log.info("Another worker has the partitions of %s: %s", self.name, error)
            self._fenced += 1
            if self._fenced > 1:
                self.rejoin()
        elif is_infrastructure(error):
            _log.warning("A batch of %s is tried again: %s", self.name, self._trouble)
        else:
            self._verdicts.faults += 1
            _log.error("A batch of %s failed, attempt %d", self.name, self._verdicts.faults, exc_info=error)
        return self._backoff.next_seconds()

    async def _take_over(self, partitions: set[TopicPartition]) -> bool:
        """Go where the positions say; False when that cannot be, for good."""
        self._membership.announce()
        self._trouble = ""
        self._held.done()
        if self._positions is None or not partitions:
            self._progress.begin({})
            return True
        consumer = self._membership.consumer
        known = await self._positions.take_over(sorted(map(self._logical, partitions)), self.owner)
        prefix = self._settings.topic_prefix
        physical = {TopicPartition(prefix + topic, number): offset for (topic, number), offset in known.items()}
        try:
            offsets = await start_offsets(consumer, partitions, physical)
        except PositionError as error:
            self._fail(error)
            return False
        for partition, offset in offsets.items():
            consumer.seek(partition, offset)
        self._progress.begin(offsets)
        self._fence.generation += 1  # what was fetched before the seek is not to be worked
        return True

    def _fail(self, error: KoikarperError) -> None:
        """Stop for good, and loudly: `ready` says why, and `run` ends the process."""
        if self._failure is None:
            self._failure = error
            _log.critical("The consumer of %s stops: %s", self.name, error, exc_info=error.__cause__)
            self._stopping.set()
            self._ending = asyncio.create_task(self._membership.leave())

    async def _wait_again(self) -> bool:
        await self._pause(self._backoff.next_seconds())
        return not self._stopping.is_set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _logical(self, partition: TopicPartition) -> Partition:
        return partition.topic.removeprefix(self._settings.topic_prefix), partition.partition


def _failure_of(error: Exception) -> KoikarperError:
    if isinstance(error, KoikarperError):
        return error
    failure = KoikarperError(f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
