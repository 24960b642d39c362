"""A producer asks for the leader of a partition again and again while there is none: with a pause, not without end.

aiokafka's sender waits for the next answer about the cluster only, and asks anew as soon as it has one. Where a topic
was deleted, or a partition has no leader, that is some hundred requests and log lines a second.
"""

import asyncio
from collections.abc import Collection

from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.cluster import ClusterMetadata  # type: ignore[import-untyped]  # as above


def pause_without_leader(client: AIOKafkaClient, seconds: float) -> None:
    """From now on, an answer that leaves a partition without a leader is given so much later."""
    ask = client._metadata_update  # noqa: SLF001 - aiokafka has no pause of its own

    async def update(cluster: ClusterMetadata, topics: Collection[str]) -> bool:
        answered: bool = await ask(cluster, topics)
        # With no topic named all were asked for, and which one lacks a leader is not told.
        if not topics or not all(_has_leaders(cluster, topic) for topic in topics):
            await asyncio.sleep(seconds)
        return answered

    client._metadata_update = update  # noqa: SLF001 - as above


def _has_leaders(cluster: ClusterMetadata, topic: str) -> bool:
    partitions = cluster.partitions_for_topic(topic)
    return partitions is not None and partitions == cluster.available_partitions_for_topic(topic)
