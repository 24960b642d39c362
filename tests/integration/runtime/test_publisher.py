"""Publishing on real Kafka: all replicas' word, order, and clear errors within a bound."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from events.catalogue import Topic
from services.runtime import topics
from services.runtime.broker import Message, Publisher
from services.runtime.errors import PermanentError, TransientError
from services.runtime.settings import Settings


async def test_a_message_that_is_too_large_is_refused_for_good_and_harms_no_other(
    quick: Settings, topic: str, publisher: Publisher
) -> None:
    large, small = Message("things", b"k", b"x" * 3_000_000), Message("things", b"k", b"x")
    outcomes = await publisher.send_all([small, large, small])
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    with pytest.raises(PermanentError, match="too-large"):
        await publisher.send("things", b"k", b"x" * 3_000_000)


async def test_the_topic_s_own_limit_is_refused_for_good_too(quick: Settings, publisher: Publisher) -> None:
    await topics.ensure(quick, [Topic("narrow", max_message_bytes=1_000)])
    import os  # noqa: PLC0415 - bytes that do not compress

    with pytest.raises(PermanentError, match="too-large"):
        await publisher.send("narrow", b"k", os.urandom(5_000))


async def test_a_record_without_key_and_value_can_be_sent(quick: Settings, topic: str, publisher: Publisher) -> None:
    await publisher.send("things", None, None, [("why", b"a dead letter of one that had neither")])


async def test_more_than_may_be_on_its_way_is_refused_and_not_kept(quick: Settings, topic: str) -> None:
    publisher = Publisher(quick, pending_max=10)
    await publisher.start()
    outcomes = await asyncio.gather(*(publisher.send("things", b"k", b"v") for _ in range(500)), return_exceptions=True)
    assert outcomes.count(None) >= 10
    assert {type(outcome) for outcome in outcomes} == {type(None), TransientError}
    assert await publisher.send_all([Message("things", b"k", b"v")] * 50) == [None] * 50, "one call waits for its own"
    await publisher.stop()


async def test_an_unknown_topic_is_an_error_within_the_timeout(quick: Settings, publisher: Publisher) -> None:
    settings = quick.model_copy(update={"kafka_timeout": timedelta(seconds=1)})
    impatient = Publisher(settings)
    await impatient.start()
    with pytest.raises(TransientError, match="absent"):
        await impatient.send("absent", b"k", b"v")
    await impatient.stop()


async def test_without_a_broker_the_start_fails_soon_and_clearly(quick: Settings) -> None:
    settings = quick.model_copy(update={"kafka": "127.0.0.1:9", "kafka_timeout": timedelta(seconds=1)})
    before = time.monotonic()
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9"):
        await Publisher(settings).start()
    assert time.monotonic() - before < 10


async def test_a_publisher_that_is_not_started_says_so(quick: Settings) -> None:
    publisher = Publisher(quick)
    with pytest.raises(TransientError, match="not started"):
        await publisher.send("things", b"k", b"v")
    with pytest.raises(TransientError, match="not started"):
        await publisher.ping()
    await publisher.stop()


async def test_a_ping_is_answered(publisher: Publisher) -> None:
    await publisher.ping()


async def test_a_replay_s_topic_keeps_the_log_s_own_moments(quick: Settings, publisher: Publisher) -> None:
    from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # noqa: PLC0415 - no py.typed

    settings = quick.model_copy(update={"create_time": True})
    await topics.ensure(settings, [Topic("log")])
    moment = datetime(2011, 10, 1, 12, 0, 0, 123000, tzinfo=UTC)
    await publisher.send("log", b"k", b"v", timestamp=moment)
    consumer = AIOKafkaConsumer(bootstrap_servers=quick.kafka, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(quick.topic_prefix + "log", 0)])
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    assert record.timestamp == int(moment.timestamp() * 1000)
    assert record.timestamp_type == 0
