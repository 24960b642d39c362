"""No key waits for another's poison: while a bad record is looked for or tried again, the good ones go on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from services.runtime.broker import Publisher
from services.runtime.consumer import Consumer
from services.runtime.errors import PermanentError
from services.runtime.records import Record
from services.runtime.settings import Settings

Until = Callable[[Callable[[], bool]], Awaitable[None]]
PATIENCE_SECONDS = 20.0
"""Far less than the shortest wait of a consumer that waits (`slow`), and far more than the work takes."""


@pytest.fixture
def slow(settings: Settings) -> Settings:
    """Settings under which whoever waits between two tries waits at least a minute."""
    wait = timedelta(minutes=2)
    return settings.model_copy(update={"backoff_first": wait, "backoff_max": wait})


class Work:
    """Fails on what is poison, and gathers the rest."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.failing = True
        self.worked: list[Record] = []
        self.rejected: list[tuple[bytes | None, str]] = []

    async def work(self, batch: Sequence[Record]) -> None:
        if self.failing and any(record.key == b"poison" for record in batch):
            raise self.error
        self.worked += batch

    async def reject(self, record: Record, error: PermanentError, _attempts: int) -> None:
        self.rejected.append((record.value, error.reason))

    def consumer(self, settings: Settings, *, faults_wait: bool = False) -> Consumer:
        return Consumer(
            settings, service="reader", topics=["things"], work=self.work, reject=self.reject, faults_wait=faults_wait
        )

    def has(self, *values: bytes) -> bool:
        return {*values} <= {record.value for record in self.worked}


async def put(publisher: Publisher, settings: Settings, partition: int, key: bytes, value: bytes) -> None:
    """Write to a partition of one's own choice."""
    producer = await publisher._current()
    await producer.send_and_wait(f"{settings.topic_prefix}things", value, key, partition=partition)


@pytest.mark.parametrize(
    "error", [RuntimeError("nobody foresaw it"), PermanentError("refused-by-database", "no such text")]
)
async def test_good_records_of_other_keys_go_on_on_the_same_partition_and_on_others(
    slow: Settings, topic: str, publisher: Publisher, until: Until, error: Exception
) -> None:
    work = Work(error)
    consumer = work.consumer(slow)
    await put(publisher, slow, 0, b"poison", b"poison 0")
    await put(publisher, slow, 0, b"other", b"same partition 0")
    await consumer.start()
    for number in range(1, 4):
        await put(publisher, slow, 0, b"poison", b"poison %d" % number)
        await put(publisher, slow, 0, b"other", b"same partition %d" % number)
        await put(publisher, slow, 1, b"another", b"other partition %d" % number)
        good = [b"same partition %d" % number, b"other partition %d" % number]
        await until(lambda good=good: work.has(b"same partition 0", *good), PATIENCE_SECONDS)
    await until(lambda: len(work.rejected) == 4, PATIENCE_SECONDS)
    await consumer.stop()
    reason = error.reason if isinstance(error, PermanentError) else "unworkable"
    assert work.rejected == [(b"poison %d" % number, reason) for number in range(4)]


async def test_a_row_of_unworkable_records_with_nothing_worked_between_is_waited_for_as_our_own_fault(
    slow: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    for number in range(slow.attempts_max + 3):
        await publisher.send("things", b"poison", b"%d" % number)
    work = Work(RuntimeError("everything fails"))
    consumer = work.consumer(slow)
    await consumer.start()
    await until(lambda: not consumer.ready().ok and "everything fails" in consumer.ready().detail, PATIENCE_SECONDS)
    assert len(work.rejected) == slow.attempts_max, "the others are kept until it is mended"
    await consumer.stop()


async def test_a_department_whose_handler_fails_is_waited_for_before_its_record_is_set_apart(
    slow: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    await publisher.send("things", b"poison", b"later")
    work = Work(RuntimeError("the case system is away"))
    consumer = work.consumer(slow, faults_wait=True)
    await consumer.start()
    await until(lambda: "the case system is away" in consumer.ready().detail, PATIENCE_SECONDS)
    await asyncio.sleep(0.2)
    assert not work.rejected
    await consumer.stop()
