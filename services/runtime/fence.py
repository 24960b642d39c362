"""The fence: no partition changes hands while a batch of it is at work, and none is worked before it is taken over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.abc import ConsumerRebalanceListener  # type: ignore[import-untyped]  # as above

_log = logging.getLogger(__name__)


class Fence(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Told by aiokafka when partitions come and go; `open` only between take-over and the next revocation.

    aiokafka logs an error of a listener and goes on reading from the committed offset: so `take_over` is tried here
    until it succeeds, or until the consumer stops.
    """

    def __init__(
        self,
        take_over: Callable[[set[TopicPartition]], Awaitable[bool]],
        wait: Callable[[], Awaitable[bool]],
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        """`settled` waits until Kafka was told how far all is done."""
        self.lock = asyncio.Lock()
        self.open = False
        self.generation = 0
        """Goes up when partitions are revoked: a batch of an earlier one is not this worker's to work any more."""
        self.partitions: frozenset[TopicPartition] = frozenset()
        self._take_over = take_over
        self._wait = wait
        self._settled = settled

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's signature
        """Wait for the batch at work to end; then nothing more of these partitions is worked."""
        async with self.lock:
            self.open = False
            self.generation += 1
            self.partitions = frozenset()
            await self._settled()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take the partitions over and go where their positions say; only then is the fence open."""
        while True:
            async with self.lock:
                try:
                    self.open = await self._take_over(assigned)
                except Exception as error:  # noqa: BLE001 - whatever it is, reading on without it would lose or repeat
                    _log.warning("Partitions could not be taken over, trying again: %s", error)
                else:
                    self.partitions = frozenset(assigned)
                    return
            if not await self._wait():
                return
