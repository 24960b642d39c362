"""Topics are made as the catalogue says, once, and what differs is told."""

import asyncio
from datetime import timedelta

import pytest

from events.catalogue import Topic
from services.runtime import topics
from services.runtime.errors import TransientError
from services.runtime.settings import Settings

WANTED = [Topic("a", partitions=2), Topic("b", retention_ms=60_000)]


async def test_what_is_missing_is_made_and_a_second_time_changes_nothing(settings: Settings) -> None:
    first = await topics.ensure(settings, WANTED)
    assert set(first.created) == {settings.topic_prefix + "a", settings.topic_prefix + "b"}
    assert await topics.ensure(settings, WANTED) == topics.Report()
    await topics.require(settings, ["a", "b"])


async def test_two_that_make_the_same_topics_at_once_do_not_fail(settings: Settings) -> None:
    await asyncio.gather(*(topics.ensure(settings, WANTED) for _ in range(3)))
    assert await topics.ensure(settings, WANTED) == topics.Report()


async def test_partitions_are_raised_and_never_taken_away(settings: Settings) -> None:
    await topics.ensure(settings, WANTED)
    raised = await topics.ensure(settings, [Topic("a", partitions=4)])
    assert raised.raised == (settings.topic_prefix + "a",)
    (line,) = (await topics.ensure(settings, [Topic("a", partitions=3)])).differences
    assert "has 4 partitions, asked are 3" in line


async def test_an_option_that_differs_is_told_and_left(settings: Settings) -> None:
    await topics.ensure(settings, WANTED)
    for _ in range(2):
        (line,) = (await topics.ensure(settings, [Topic("b", retention_ms=1_000)])).differences
        assert line == f"{settings.topic_prefix}b: retention.ms is 60000, asked is 1000"


async def test_a_replay_s_topics_keep_their_times_and_are_never_emptied(settings: Settings) -> None:
    await topics.ensure(settings, WANTED)
    replay = settings.model_copy(update={"create_time": True})
    lines = (await topics.ensure(replay, WANTED)).differences
    assert f"{settings.topic_prefix}a: message.timestamp.type is LogAppendTime, asked is CreateTime" in lines
    assert f"{settings.topic_prefix}b: retention.ms is 60000, asked is -1" in lines


async def test_what_kafka_refuses_is_named(settings: Settings) -> None:
    three = settings.model_copy(update={"replication_factor": 3})
    with pytest.raises(topics.TopicsError, match=r"refuses to create .*many.*InvalidReplicationFactor"):
        await topics.ensure(three, [Topic("many")])
    with pytest.raises(topics.TopicsError, match="InvalidTopic"):
        await topics.ensure(settings, [Topic("no spaces")])


async def test_without_a_broker_the_error_names_the_address(settings: Settings) -> None:
    away = settings.model_copy(update={"kafka": "127.0.0.1:9", "kafka_timeout": timedelta(seconds=1)})
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9"):
        await topics.ensure(away, WANTED)


async def test_topics_of_a_real_deployment_are_never_deleted(settings: Settings) -> None:
    await topics.ensure(settings, WANTED)
    with pytest.raises(topics.TopicsError, match="real deployment"):
        await topics.delete(settings.model_copy(update={"topic_prefix": ""}), ["a"])
    await topics.delete(settings, ["a"])
    with pytest.raises(topics.TopicsError, match="do not exist"):
        await topics.require(settings, ["a"])
