"""After a backup was put back: what Kafka still holds is read again in the order of its moments, and then all goes on.

The consumer reads each topic as fast as it can, which is right while the ledger keeps up: nobody answers what the
ledger has not told. A ledger that was set back knows less than people have answered since. Read as ever, an answer
could come before its signal, and be refused as `unknown-assignment` where it was taken in the first time. In one
order over all topics it ends in the same state as a ledger that never fell.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above
from sqlalchemy import ARRAY, BigInteger, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ledger.in_order import in_order
from services.ledger.intake import Intake
from services.ledger.positions import LedgerPositions
from services.ledger.setback import was_set_back
from services.runtime.backoff import Backoff
from services.runtime.database import transient_errors
from services.runtime.errors import DeadLetterLimit, Fenced, TransientError
from services.runtime.header_names import TolerantConsumer
from services.runtime.isolation import Isolation, RejectRate
from services.runtime.options import connection, consuming
from services.runtime.progress import start_offsets
from services.runtime.records import Record
from services.runtime.settings import Settings
from services.runtime.verdicts import Verdicts, is_infrastructure

_log = logging.getLogger(__name__)

TURN_SECONDS = 1.0
"""Between two looks whether another worker has caught up."""
SAY_SECONDS = 10.0
_TURN = text("select pg_try_advisory_lock(hashtext('catching up in ' || current_schema()))")
_TURN_OVER = text("select pg_advisory_unlock(hashtext('catching up in ' || current_schema()))")
_AT_END = text("""
    update reading set next_offset = greatest(reading.next_offset, done.next_offset)
    from unnest(:topics, :partitions, :offsets) as done (topic, partition, next_offset)
    where reading.topic = done.topic and reading.partition = done.partition and reading.owner = :owner
""").bindparams(
    bindparam("topics", type_=ARRAY(Text)),
    bindparam("partitions", type_=ARRAY(Integer)),
    bindparam("offsets", type_=ARRAY(BigInteger)),
)
_READER = {"group_id": None, "group_instance_id": None, "enable_auto_commit": False}


class CatchingUp:
    """Reads in order what was read before the tables were set back; one worker does, the others wait for it."""

    def __init__(self, settings: Settings, engine: AsyncEngine, intake: Intake, topics: Sequence[str]) -> None:
        self._settings = settings
        self._engine = engine
        self._intake = intake
        self._topics = topics
        self._positions = LedgerPositions(engine)
        rate = RejectRate(settings.dead_letters_max, settings.dead_letters_window)
        self._isolation = Isolation(intake.work, intake.reject, rate)
        self._backoff = Backoff(settings.backoff_first.total_seconds(), settings.backoff_max.total_seconds())
        self._verdicts = Verdicts(settings.attempts_max)

    async def run(self) -> int:
        """Catch up when that is needed; how many records were read.

        Raises `Fenced` when another ledger reads meanwhile, and what the intake raises that waiting does not mend.
        """
        if not await self._set_back():
            return 0
        async with self._turn():
            if not await self._set_back():  # another worker has done it
                return 0
            return await self._read()

    async def _set_back(self) -> bool:
        return await was_set_back(self._settings, self._engine, self._intake.service, self._topics)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One at a time; a session that ends gives its turn away."""
        async with transient_errors(), self._engine.connect() as pooled:
            session = await pooled.execution_options(isolation_level="AUTOCOMMIT")
            while not await session.scalar(_TURN):  # noqa: ASYNC110 - another process has it
                await asyncio.sleep(TURN_SECONDS)
            try:
                yield
            finally:
                await session.execute(_TURN_OVER)

    async def _read(self) -> int:
        settings = self._settings
        options = connection(settings, "ledger-catching-up") | consuming(settings, self._intake.service) | _READER
        consumer = TolerantConsumer(*(settings.topic_prefix + topic for topic in self._topics), **options)
        try:
            await consumer.start()  # without a group it has all partitions at once
            return await self._read_from(consumer, sorted(consumer.assignment()))
        except (KafkaError, OSError) as error:
            raise TransientError(f"Kafka does not answer at {settings.kafka}: {error}") from error
        finally:
            await consumer.stop()

    async def _read_from(self, consumer: TolerantConsumer, partitions: list[TopicPartition]) -> int:
        prefix = self._settings.topic_prefix
        places = [(partition.topic.removeprefix(prefix), partition.partition) for partition in partitions]
        known = await self._positions.take_over(places, self._intake.owner)
        physical = {TopicPartition(prefix + topic, number): offset for (topic, number), offset in known.items()}
        offsets = await start_offsets(consumer, partitions, physical)
        ends = await consumer.end_offsets(partitions)
        for partition, offset in offsets.items():
            consumer.seek(partition, offset)
        total = sum(ends[partition] - offsets[partition] for partition in partitions)
        _log.warning("The database was set back: about %d records are read again, in the order of their moments", total)
        done, said = 0, time.monotonic()
        async for batch in self._batches(in_order(consumer, ends, prefix)):
            await self._take_in(batch)
            done += len(batch)
            if time.monotonic() - said >= SAY_SECONDS:
                _log.info("%d of about %d records are read again", done, total)
                said = time.monotonic()
        await self._note_ends({partition: ends[partition] for partition in partitions})
        _log.warning("The ledger has caught up: %d records were read again", done)
        return done

    async def _note_ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """What was deleted by age meanwhile never comes: without this each start would find the tables set back."""
        prefix = self._settings.topic_prefix
        values = {
            "topics": [partition.topic.removeprefix(prefix) for partition in ends],
            "partitions": [partition.partition for partition in ends],
            "offsets": list(ends.values()),
            "owner": self._intake.owner,
        }
        async with transient_errors(), self._engine.begin() as database:
            await database.execute(_AT_END, values)

    async def _batches(self, records: AsyncIterator[Record]) -> AsyncIterator[list[Record]]:
        batch: list[Record] = []
        async for record in records:
            batch.append(record)
            if len(batch) >= self._settings.batch_records:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _take_in(self, batch: Sequence[Record]) -> None:
        """Work a batch as the consumer would: wait while infrastructure fails, and set a bad record apart."""
        left = deque(batch)
        while left:
            try:
                await self._isolation.run(tuple(left), self._verdicts.judge, lambda done: _drop(left, len(done)))
            except Fenced as error:
                raise Fenced(f"{error}: stop every ledger, and start them again") from error
            except DeadLetterLimit:
                raise
            except Exception as error:  # noqa: BLE001 - a fault that one record may provoke: see `Verdicts`
                if is_infrastructure(error):
                    _log.warning("A batch is tried again: %s", error)
                else:
                    self._verdicts.faults += 1
                    _log.error("A batch failed, attempt %d", self._verdicts.faults, exc_info=error)
            else:
                self._verdicts.faults = 0
                self._backoff.reset()
                continue
            await asyncio.sleep(self._backoff.next_seconds())


def _drop(left: deque[Record], count: int) -> None:
    for _ in range(count):
        left.popleft()
