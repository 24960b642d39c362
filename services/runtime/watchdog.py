"""A consumer can stay silent for ever after a blocked event loop (aiokafka #1037, open): someone must notice."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from services.runtime.errors import KoikarperError
from services.runtime.tasks import ended

_log = logging.getLogger(__name__)

CHECKS_IN_A_ROW = 2
"""One late look may be the event loop's own delay; two are not."""
ANSWER_TIMEOUT_SECONDS = 10.0


class Silence(KoikarperError):  # noqa: N818 - what it is: the consumer no longer asks
    """The broker answers, but the consumer asks nothing: only a fresh process helps."""


class Watchdog:
    """Looks at the age of the last poll of each partition, while no batch is at work."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        silence_max: timedelta,
        busy: Callable[[], bool],
        fail: Callable[[KoikarperError], None],
    ) -> None:
        self._consumer = consumer
        self._silence_seconds_max = silence_max.total_seconds()
        self._busy = busy
        self._fail = fail
        self._touched = time.time()
        self._task: asyncio.Task[None] | None = None

    def touch(self) -> None:
        """A batch was handled: silence is counted from now."""
        self._touched = time.time()

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no more."""
        await ended(self._task)

    async def _watch(self) -> None:
        seen = 0
        while True:
            await asyncio.sleep(self._silence_seconds_max / 6)
            if _left_alone(self._consumer):
                self._fail(Silence("aiokafka's coordination of the group ended; its error is in the log above"))
                return
            silent = None if self._busy() else self._silent()
            seen = seen + 1 if silent else 0
            if seen >= CHECKS_IN_A_ROW and silent and await self._answers(silent):
                age = f"{self._silence_seconds_max:g} s"
                self._fail(
                    Silence(f"{silent.topic}-{silent.partition} was not polled for over {age}, but Kafka answers")
                )
                return

    def _silent(self) -> TopicPartition | None:
        """The partition that was polled longest ago, when that is too long ago."""
        polled = {
            partition: (self._consumer.last_poll_timestamp(partition) or 0) / 1000
            for partition in self._consumer.assignment()
        }
        if not polled:
            self.touch()
            return None
        oldest = min(polled, key=lambda partition: polled[partition])
        age = time.time() - max(polled[oldest], self._touched)
        return oldest if age > self._silence_seconds_max else None

    async def _answers(self, partition: TopicPartition) -> bool:
        """Whether the broker answers for this partition; a restart does not help against a broker that is away."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                await self._consumer.end_offsets([partition])
        except (KafkaError, OSError) as error:
            _log.warning("%s-%d is silent, and Kafka does not answer: %s", partition.topic, partition.partition, error)
            return False
        return True


def _left_alone(consumer: AIOKafkaConsumer) -> bool:
    """Whether the task that keeps the membership ended: FastStream would ask on, every 5 s, for ever."""
    task = getattr(consumer._coordinator, "_coordination_task", None)  # noqa: SLF001 - aiokafka says it nowhere else
    return task is not None and task.done()
