"""How much each department's own program has not read: what Kafka knows of its consumer group.

A department without unread records that does not answer is one whose program hears and whose people do not: what the
seed of this project calls a system that is not sensitive.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # as above
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above
from prometheus_client.core import GaugeMetricFamily, Metric

from events.catalogue import department_assignments
from services.metrics import definitions as d
from services.runtime.clock import Clock
from services.runtime.options import connection
from services.runtime.settings import Settings

_log = logging.getLogger(__name__)

CLIENT = "koikarper-metrics"
ANSWER_SECONDS = 10.0
"""For all departments together; more, and Kafka is away."""

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Clients:
    """Two, for aiokafka's client for administration does not know where a partition ends."""

    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer

    async def close(self) -> None:
        """Disconnect, also from a broker that is away."""
        with contextlib.suppress(KafkaError, OSError):
            await self.consumer.stop()
        with contextlib.suppress(KafkaError, OSError):
            await self.admin.close()


def group_of(settings: Settings, department: str) -> str:
    """The group in which the department's program reads: the kit's, unless the settings name its own."""
    return settings.department_groups.get(department, f"{settings.topic_prefix}department-{department}")


def unread(committed: Offsets, firsts: Offsets, ends: Offsets) -> int | None:
    """Of one department's partitions; None while its group has never committed: then nobody knows of a program.

    A group that has committed some partitions read the others from their start, as yet without a record. What Kafka
    deleted by age is not there to be read.
    """
    if not any(offset >= 0 for offset in committed.values()):
        return None
    count = 0
    for partition, end in ends.items():
        count += max(0, end - max(committed.get(partition, -1), firsts[partition]))
    return count


class Reading:
    """Asks Kafka about every department; keeps its connection, and lets go of it when Kafka is away."""

    def __init__(self, settings: Settings, departments: Sequence[str], clock: Clock) -> None:
        self._settings = settings
        self._departments = tuple(departments)
        self._clock = clock
        self._connecting: asyncio.Task[Clients] | None = None
        self._asked: float | None = None
        self._away = False

    async def look(self) -> Sequence[Metric]:
        """Unread records by department, absent where they are not known, and when Kafka last said."""
        asked, found = self._clock().timestamp(), None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._ask()
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            await self.close()
            if not self._away:
                _log.warning("Kafka does not say what departments have read: %s", str(error) or type(error).__name__)
        self._away = found is None
        if found is not None:
            self._asked = asked
        return self._families(found or {})

    async def close(self) -> None:
        """Disconnect; harmless when not connected."""
        connecting, self._connecting = self._connecting, None
        if connecting is None:
            return
        await asyncio.wait([connecting], timeout=ANSWER_SECONDS)
        connecting.cancel()
        (clients,) = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(clients, Clients):
            await clients.close()

    def _families(self, found: Mapping[str, int]) -> Sequence[Metric]:
        records = GaugeMetricFamily(d.UNREAD.name, d.UNREAD.help, labels=d.UNREAD.labels)
        for department, count in sorted(found.items()):
            records.add_metric((department,), count)
        when = GaugeMetricFamily(d.UNREAD_AT.name, d.UNREAD_AT.help)
        if self._asked is not None:
            when.add_metric((), self._asked)
        return records, when

    async def _ask(self) -> dict[str, int]:
        clients = await self._connected()
        admin, consumer = clients.admin, clients.consumer
        places = await self._places(admin)
        every = [place for own in places.values() for place in own]
        firsts, ends, *committed = await asyncio.gather(
            consumer.beginning_offsets(every),
            consumer.end_offsets(every),
            *(self._committed(admin, code, own) for code, own in places.items()),
        )
        counts = {
            code: unread(offsets, firsts, {place: ends[place] for place in own})
            for offsets, (code, own) in zip(committed, places.items(), strict=True)
        }
        return {code: count for code, count in counts.items() if count is not None}

    async def _places(self, admin: AIOKafkaAdminClient) -> dict[str, list[TopicPartition]]:
        """The partitions of each department's topic that is there."""
        topics = {self._settings.topic_prefix + department_assignments(code): code for code in self._departments}
        there = await admin.describe_topics()  # of all: asking for one by name could create it
        return {
            topics[one["topic"]]: [TopicPartition(one["topic"], part["partition"]) for part in one["partitions"]]
            for one in there
            if one["topic"] in topics and one["partitions"]
        }

    async def _committed(self, admin: AIOKafkaAdminClient, code: str, places: Sequence[TopicPartition]) -> Offsets:
        group = group_of(self._settings, code)
        known = await admin.list_consumer_group_offsets(group, partitions=list(places))
        return {place: offset.offset for place, offset in known.items()}

    async def _connected(self) -> Clients:
        """Connecting is never cancelled in the middle: aiokafka would leave the connection open."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(_connect(self._settings))
        return await asyncio.shield(self._connecting)


async def _connect(settings: Settings) -> Clients:
    options = connection(settings, CLIENT)
    clients = Clients(AIOKafkaAdminClient(**options), AIOKafkaConsumer(**options, enable_auto_commit=False))
    try:
        await clients.admin.start()
        await clients.consumer.start()
    except BaseException:
        await clients.close()
        raise
    return clients
