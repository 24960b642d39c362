"""A broker that goes and comes back: nothing is lost, nobody waits for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from events.catalogue import Topic
from services.local.parts import Parts
from services.runtime import topics
from services.runtime.broker import Publisher
from services.runtime.consumer import Consumer
from services.runtime.errors import PermanentError, TransientError
from services.runtime.records import Record
from services.runtime.settings import Settings


async def sent(publisher: Publisher, value: bytes) -> None:
    """Send until the broker has it, as a gateway's caller does after a 503."""
    while True:
        try:
            await publisher.send("things", b"k", value)
        except TransientError:
            await asyncio.sleep(0.2)
        else:
            return


async def test_a_broker_that_restarts_is_survived(
    tmp_path: Path, until: Callable[[Callable[[], bool], float], Awaitable[None]]
) -> None:
    values: list[bytes | None] = []

    async def work(batch: Sequence[Record]) -> None:
        values.extend(record.value for record in batch)

    async def reject(record: Record, error: PermanentError, attempts: int) -> None:
        raise AssertionError(record)

    async with Parts(tmp_path, kafka_port=0, database_port=0) as parts:
        port = int(parts.kafka.rsplit(":", 1)[1])
        settings = Settings(
            topic_prefix="o.",
            kafka=parts.kafka,
            kafka_timeout=timedelta(seconds=2),
            batch_timeout=timedelta(seconds=0.02),
        )
        await topics.ensure(settings, [Topic("things")])
        publisher = Publisher(settings)
        consumer = Consumer(settings, service="reader", topics=["things"], work=work, reject=reject)
        await publisher.start()
        await consumer.start()
        await sent(publisher, b"before")
        await until(lambda: b"before" in values, 60)
    with pytest.raises(TransientError, match="Kafka"):
        await publisher.send("things", b"k", b"between")
    with pytest.raises(TransientError, match="Kafka"):
        await publisher.ping()
    async with Parts(tmp_path, kafka_port=port, database_port=0):
        await sent(publisher, b"after")
        await publisher.ping()
        await until(lambda: b"after" in values, 90)
        await until(lambda: consumer.ready().ok, 60)
        await asyncio.gather(publisher.stop(), consumer.stop())
    assert values.index(b"before") < values.index(b"between") < values.index(b"after")


async def test_with_the_broker_gone_for_good_everything_still_stops(
    tmp_path: Path, until: Callable[[Callable[[], bool], float], Awaitable[None]]
) -> None:
    async def work(_batch: Sequence[Record]) -> None: ...

    async def reject(_record: Record, _error: PermanentError, _attempts: int) -> None: ...

    async with Parts(tmp_path, kafka_port=0, database_port=0) as parts:
        settings = Settings(topic_prefix="o.", kafka=parts.kafka, kafka_timeout=timedelta(seconds=1))
        await topics.ensure(settings, [Topic("things")])
        publisher = Publisher(settings)
        consumer = Consumer(settings, service="reader", topics=["things"], work=work, reject=reject)
        await publisher.start()
        await consumer.start()
        await until(lambda: consumer.ready().ok, 60)
    with pytest.raises(TransientError):
        await publisher.send("things", b"k", b"v")
    async with asyncio.timeout(60):
        await asyncio.gather(publisher.stop(), consumer.stop())
