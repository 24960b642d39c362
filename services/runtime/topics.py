"""Topics on the broker: made as the catalogue says, and checked; nothing is left to automatic creation."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import (  # type: ignore[import-untyped]  # aiokafka has no py.typed
    AIOKafkaAdminClient,
    NewPartitions,
    NewTopic,
)
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # type: ignore[import-untyped]  # as above
from aiokafka.errors import (  # type: ignore[import-untyped]  # as above
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from events.catalogue import Topic
from services.runtime.errors import KoikarperError, TransientError
from services.runtime.options import connection
from services.runtime.settings import Settings

PARTITIONS_SEEN_TRIES = 50
PARTITIONS_SEEN_PAUSE_SECONDS = 0.1


class TopicsError(KoikarperError):
    """Topics are not as they must be, and the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `ensure` did and found; physical topic names."""

    created: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    """Topics that got more partitions."""
    differences: tuple[str, ...] = ()
    """Sentences: what is otherwise than asked, and is left so, for an operator to decide."""


async def ensure(settings: Settings, topics: Iterable[Topic]) -> Report:
    """Make the topics that are missing, raise partition counts that are too low, tell what else differs.

    Idempotent, also when two do it at once. Raises `TransientError` without a broker, `TopicsError` when it refuses.
    """
    wanted = {settings.topic_prefix + topic.name: topic for topic in topics}
    async with _admin(settings) as admin:
        there = await _partitions(admin, wanted)
        created = [name for name in wanted if name not in there]
        await _create(admin, settings, {name: wanted[name] for name in created})
        low = {name: wanted[name].partitions for name, count in there.items() if count < wanted[name].partitions}
        if low:
            await admin.create_partitions({name: NewPartitions(count) for name, count in low.items()})
        await _seen(admin, wanted)
        differences = [
            f"{name}: has {count} partitions, asked are {wanted[name].partitions}; Kafka cannot take partitions away"
            for name, count in there.items()
            if count > wanted[name].partitions
        ]
        differences += await _config_differences(admin, settings, {name: wanted[name] for name in there})
        differences += await _automatic_creation(admin)
    return Report(tuple(created), tuple(low), tuple(differences))


async def require(settings: Settings, names: Sequence[str]) -> None:
    """Raise `TopicsError` when one of the (logical) topics does not exist: a consumer would wait without a word."""
    wanted = [settings.topic_prefix + name for name in names]
    async with _admin(settings) as admin:
        there = await _partitions(admin, wanted)
    if missing := sorted(set(wanted) - set(there)):
        raise TopicsError(
            f"These topics do not exist: {', '.join(missing)}. Create them with `koikarper topics`, then start again."
        )


async def delete(settings: Settings, names: Sequence[str]) -> None:
    """Delete the (logical) topics with everything on them: for tests and replays, which have a prefix of their own.

    Raises `TopicsError` when there is no prefix: the topics of a real deployment are never deleted from here.
    """
    if not settings.topic_prefix:
        raise TopicsError("Topics without a prefix belong to a real deployment and are not deleted")
    async with _admin(settings) as admin:
        await admin.delete_topics([settings.topic_prefix + name for name in names])


def config(settings: Settings, topic: Topic) -> dict[str, str]:
    """The options of a topic that count for the loop; all others are the broker's own."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(-1 if settings.create_time else topic.retention_ms),
        "message.timestamp.type": "CreateTime" if settings.create_time else "LogAppendTime",
        "max.message.bytes": str(topic.max_message_bytes),
        "min.insync.replicas": str(settings.min_insync_replicas),
        "compression.type": "producer",
    }


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(settings, "topics"))
    try:
        await admin.start()
        yield admin
    except KafkaError as error:
        if error.retriable or not error.args:
            raise TransientError(f"Kafka does not answer at {settings.kafka}: {error}") from error
        raise TopicsError(f"Kafka refuses: {error}") from error
    except OSError as error:
        raise TransientError(f"Kafka does not answer at {settings.kafka}: {error}") from error
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    """How many partitions each topic has; a topic that does not exist is left out."""
    wanted = set(names)
    existing = wanted & set(await admin.list_topics())  # asking for a topic by name could create it
    found = {}
    for topic in await admin.describe_topics(sorted(existing)) if existing else []:
        if topic["error_code"] == 0:
            found[topic["topic"]] = len(topic["partitions"])
    return found


async def _create(admin: AIOKafkaAdminClient, settings: Settings, topics: dict[str, Topic]) -> None:
    if not topics:
        return
    new = [
        NewTopic(name, topic.partitions, settings.replication_factor, topic_configs=config(settings, topic))
        for name, topic in topics.items()
    ]
    response = await admin.create_topics(new)
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicsError(f"Kafka refuses to create {name}: {error.__name__} {' '.join(map(str, message))}")


async def _seen(admin: AIOKafkaAdminClient, wanted: dict[str, Topic]) -> None:
    """Wait until the broker itself tells of every topic: right after creation it may not."""
    for _ in range(PARTITIONS_SEEN_TRIES):
        there = await _partitions(admin, wanted)
        if all(there.get(name, 0) >= topic.partitions for name, topic in wanted.items()):
            return
        await asyncio.sleep(PARTITIONS_SEEN_PAUSE_SECONDS)
    raise TransientError("Kafka accepted new topics but does not list them yet")


async def _config_differences(admin: AIOKafkaAdminClient, settings: Settings, topics: dict[str, Topic]) -> list[str]:
    lines = []
    if topics:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        for code, _, name, entries in await _described(admin, resources):
            if for_code(code) is UnknownTopicOrPartitionError:
                continue
            lines += [
                f"{name}: {option} is {entries.get(option)}, asked is {asked}"
                for option, asked in config(settings, topics[name]).items()
                if entries.get(option) != asked
            ]
    return lines


async def _automatic_creation(admin: AIOKafkaAdminClient) -> list[str]:
    """Aiokafka asks for metadata in a way that creates topics, with one partition, where the broker allows it."""
    cluster = await admin.describe_cluster()
    resources = [ConfigResource(ConfigResourceType.BROKER, str(node["node_id"])) for node in cluster["brokers"]]
    return [
        f"broker {name}: auto.create.topics.enable is true; set it to false, or a misspelt topic comes into being"
        for _, _, name, entries in await _described(admin, resources)
        if entries.get("auto.create.topics.enable") == "true"
    ]


async def _described(
    admin: AIOKafkaAdminClient, resources: list[ConfigResource]
) -> list[tuple[int, str, str, dict[str, Any]]]:
    found = []
    for response in await admin.describe_configs(resources):
        for code, message, _, name, entries in response.resources:
            found.append((code, message, name, {entry[0]: entry[1] for entry in entries}))
    return found
