"""What a consumer says of what it has not done: how much, since when, and nothing that it does not know."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from events.catalogue import Topic
from services.local.parts import Parts
from services.runtime import topics, unread
from services.runtime.broker import Message, Publisher
from services.runtime.consumer import Consumer
from services.runtime.errors import PermanentError, TransientError
from services.runtime.health import Together
from services.runtime.records import Record
from services.runtime.settings import Settings

Until = Callable[[Callable[[], bool]], Awaitable[None]]
LAG = "koikarper_runtime_consumer_lag_records"
OLDEST = "koikarper_runtime_consumer_oldest_unread_timestamp_seconds"
ASKED = "koikarper_runtime_consumer_lag_timestamp_seconds"


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "LOOK_SECONDS", 0.05)


class Reader:
    """A consumer whose work the test holds and lets go, and what it tells of itself."""

    def __init__(self, settings: Settings, *names: str) -> None:
        self.registry = CollectorRegistry()
        self.free = asyncio.Event()
        self.free.set()
        self.failing = False
        self.seen: list[Record] = []
        self.consumer = Consumer(
            settings, service="reader", topics=names, work=self.work, reject=self.reject, registry=self.registry
        )

    async def work(self, batch: Sequence[Record]) -> None:
        self.seen += batch
        await self.free.wait()
        if self.failing:
            raise TransientError("held by the test")

    async def reject(self, record: Record, _error: PermanentError, _attempts: int) -> None:
        raise AssertionError(record)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"consumer": "reader", **labels})


async def test_lag_rises_while_the_consumer_is_held_and_the_oldest_is_the_held_records_own_moment(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    await topics.ensure(quick, [Topic("quiet")])
    reader = Reader(quick, topic, "quiet")
    assert reader.value(LAG, topic=topic) is None  # before Kafka was asked nothing is known: no zero that is not one
    await reader.consumer.start()
    await until(lambda: reader.value(LAG, topic=topic) == 0)
    assert reader.value(LAG, topic="quiet") == 0
    assert reader.value(OLDEST, topic=topic) is None

    reader.free.clear()
    await publisher.send(topic, b"k", b"first")
    await until(lambda: len(reader.seen) == 1)
    await publisher.send_all([Message(topic, b"k", b"%d" % number) for number in range(700)])
    await until(lambda: reader.value(LAG, topic=topic) == 701)
    assert reader.value(OLDEST, topic=topic) == reader.seen[0].timestamp.timestamp()
    assert reader.value(OLDEST, topic="quiet") is None

    reader.free.set()
    await until(lambda: reader.value(LAG, topic=topic) == 0)
    assert reader.value(OLDEST, topic=topic) is None
    assert reader.value("koikarper_runtime_consumer_batch_records_sum") == 701
    assert reader.value("koikarper_runtime_consumer_batch_seconds_count") == reader.value(
        "koikarper_runtime_consumer_batch_records_count"
    )
    assert reader.value("koikarper_runtime_consumer_retries_total") == 0
    await reader.consumer.stop()
    assert reader.value(LAG, topic=topic) is None


async def test_a_batch_that_is_tried_again_and_again_keeps_its_moment_and_is_counted(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    reader = Reader(quick, topic)
    reader.failing = True
    await reader.consumer.start()
    await publisher.send(topic, b"k", b"first")
    await until(lambda: (reader.value("koikarper_runtime_consumer_retries_total") or 0) > 3)
    await until(lambda: reader.value(LAG, topic=topic) == 1)
    assert reader.value(OLDEST, topic=topic) == reader.seen[0].timestamp.timestamp()
    reader.failing = False
    await until(lambda: reader.value(LAG, topic=topic) == 0)
    assert reader.value(OLDEST, topic=topic) is None
    await reader.consumer.stop()


async def test_of_what_was_not_fetched_the_last_look_at_nothing_unread_is_the_bound(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    await topics.ensure(quick, [Topic("behind")])
    reader = Reader(quick.model_copy(update={"batch_records": 1}), topic, "behind")
    await reader.consumer.start()
    await until(lambda: reader.value(LAG, topic="behind") == 0)
    reader.free.clear()
    await publisher.send(topic, b"k", b"held")
    await until(lambda: len(reader.seen) == 1)
    before = datetime.now(UTC)
    await asyncio.sleep(0.2)
    await publisher.send("behind", b"k", b"not fetched")
    after = datetime.now(UTC)
    await until(lambda: reader.value(LAG, topic="behind") == 1)
    oldest = reader.value(OLDEST, topic="behind")
    assert oldest is not None
    assert before.timestamp() < oldest <= after.timestamp()
    reader.free.set()
    await until(lambda: reader.value(LAG, topic="behind") == 0)
    await reader.consumer.stop()


async def test_with_the_broker_away_a_scrape_answers_and_the_lag_is_absent(tmp_path: Path, until: Until) -> None:
    async with Parts(tmp_path, kafka_port=0, database_port=0) as parts:
        settings = Settings(topic_prefix="o.", kafka=parts.kafka, batch_timeout=timedelta(seconds=0.02))
        await topics.ensure(settings, [Topic("things")])
        reader = Reader(settings, "things")
        await reader.consumer.start()
        await until(lambda: reader.value(LAG, topic="things") == 0)
    await until(lambda: reader.value(LAG, topic="things") is None)
    asked = reader.value(ASKED)
    assert asked is not None
    assert asked < datetime.now(UTC).timestamp()
    assert list(Together([reader.registry]).collect())
    await reader.consumer.stop()
