"""Publishing on real Kafka: all replicas' word, order, and clear errors within a bound."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]  # aiokafka has no py.typed

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


async def test_many_go_as_batches_each_signal_in_its_order_and_an_unknown_topic_harms_no_other(
    quick: Settings, publisher: Publisher
) -> None:
    await topics.ensure(quick, [Topic("many", partitions=3)])
    many = [Message("many", b"%d" % (number % 40), b"%d" % number + b" " * 1_000) for number in range(1_000)]
    settings = quick.model_copy(update={"kafka_timeout": timedelta(seconds=3)})
    gathering = Publisher(settings, gathered=True)
    await gathering.start()
    outcomes = await gathering.send_all([*many, Message("absent", b"k", b"v")])
    assert outcomes[:-1] == [None] * 1_000
    assert isinstance(outcomes[-1], TransientError)
    assert await gathering.send_all([]) == []
    await gathering.send("many", b"0", b"the last")
    await gathering.stop()
    found = await everything(quick, "many", 3)
    assert len(found) == 1_001
    assert len({partition for partition, _, _ in found}) == 3
    for key in {key for _, key, _ in found}:
        values = [int(value) for _, other, value in found if other == key and value != b"the last"]
        assert values == sorted(values), "one signal's order"


@pytest.mark.parametrize("known_at_start", [True, False], ids=["known at the start", "new"])
async def test_a_topic_that_was_deleted_is_asked_for_with_pauses(
    quick: Settings, monkeypatch: pytest.MonkeyPatch, *, known_at_start: bool
) -> None:
    """A client that knows a topic from its first answer asks for all topics from then on, else for this one."""
    asked: list[object] = []
    ask = AIOKafkaClient._metadata_update

    async def counting(client: AIOKafkaClient, *arguments: object) -> object:
        asked.append(arguments)
        return await ask(client, *arguments)

    monkeypatch.setattr(AIOKafkaClient, "_metadata_update", counting)
    if known_at_start:
        await topics.ensure(quick, [Topic("gone", partitions=1)])
        await _send_one(quick, "gone")
    sending = Publisher(quick.model_copy(update={"kafka_timeout": timedelta(seconds=2)}))
    await sending.start()
    await topics.ensure(quick, [Topic("gone", partitions=1)])
    await sending.send("gone", b"k", b"v")
    await topics.delete(quick, ["gone"])
    asked.clear()
    with pytest.raises(TransientError):
        await sending.send("gone", b"k", b"v")
    await sending.stop()
    assert 3 < len(asked) < 50, "ten a second; without pauses there are hundreds"


async def _send_one(settings: Settings, topic: str) -> None:
    sending = Publisher(settings)
    await sending.start()
    await sending.send(topic, b"k", b"v")
    await sending.stop()


async def everything(settings: Settings, name: str, partitions: int) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value of all records of a topic, each partition in its order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    places = [TopicPartition(settings.topic_prefix + name, number) for number in range(partitions)]
    consumer.assign(places)
    await consumer.start()
    await consumer.seek_to_beginning(*places)
    left = sum((await consumer.end_offsets(places)).values())
    found: list[tuple[int, bytes, bytes]] = []
    while len(found) < left:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += [(record.partition, record.key, record.value) for record in records]
    await consumer.stop()
    return found


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
