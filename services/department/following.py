"""What arrives on a department's topic from now on, for one who looks on: no group, no offsets, nothing taken in."""

from collections.abc import AsyncIterator
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from events.catalogue import department_assignments
from services.department.received import Heard, read
from services.runtime.errors import PermanentError, TransientError
from services.runtime.options import FETCH_BYTES_MAX, MESSAGE_BYTES_MAX, connection
from services.runtime.records import record_of
from services.runtime.settings import Settings
from services.runtime.topics import require

_LOOKING = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "latest",
    "isolation_level": "read_committed",
    "fetch_max_wait_ms": 500,
    "fetch_max_bytes": FETCH_BYTES_MAX,
    "max_partition_fetch_bytes": MESSAGE_BYTES_MAX,
    "exclude_internal_topics": True,
}


class Following:
    """`async with Following(…) as arrivals: async for heard in arrivals:` - everything that arrives after the entry."""

    def __init__(self, settings: Settings, department: str) -> None:
        self._settings = settings
        self._department = department
        self._topic = department_assignments(department)
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        """Stand at the end of the topic; raises `TopicsError` without the topic, `TransientError` without a broker."""
        await require(self._settings, [self._topic])
        consumer = AIOKafkaConsumer(**connection(self._settings, f"inbox-{self._department}"), **_LOOKING)
        partition = TopicPartition(self._settings.topic_prefix + self._topic, 0)
        try:
            await consumer.start()
            consumer.assign([partition])
            await consumer.seek_to_end(partition)
            await consumer.position(partition)  # only now does it stand there
        except (KafkaError, OSError) as error:
            await consumer.stop()
            raise TransientError(f"Kafka does not answer at {self._settings.kafka}: {error}") from error
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def __aiter__(self) -> AsyncIterator[Heard | PermanentError]:
        """Each event as it arrives; for a record that is none, the error that says why."""
        if self._consumer is None:
            return
        async for raw in self._consumer:
            try:
                heard = read(record_of(raw, self._settings.topic_prefix), self._department)
            except PermanentError as error:
                yield error
            else:
                if heard is not None:
                    yield heard
