"""One member of a consumer group: FastStream's subscriber with every option set, joined and left in good order."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.abc import ConsumerRebalanceListener  # type: ignore[import-untyped]  # as above
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above
from faststream import AckPolicy
from faststream.kafka.message import KafkaAckableMessage

from services.runtime.announcing import Announcement
from services.runtime.broker import broker
from services.runtime.errors import TransientError
from services.runtime.header_names import TolerantConsumer
from services.runtime.options import consuming, milliseconds
from services.runtime.settings import Settings

_log = logging.getLogger(__name__)

LEAVE_TIMEOUT_SECONDS = 25.0
"""More than FastStream's own patience with a batch at work (15 s), less than a process gets to stop (30 s)."""

RawBatch = tuple[Any, ...]
"""aiokafka's records of one poll, in order per partition."""


class Membership:
    """Reads the topics as a member of the group `service` and gives every batch to `handle`, one after another."""

    def __init__(
        self,
        settings: Settings,
        service: str,
        topics: Sequence[str],
        listener: ConsumerRebalanceListener,
        taken: Callable[[RawBatch], Any],
        handle: Callable[[Any], Awaitable[None]],
        *,
        taken_max: int,
    ) -> None:
        """`taken` makes what `handle` gets, in the same breath in which records are taken; its error is handed on.

        `taken_max` is how many are taken at once.
        """
        self._settings = settings
        self._service = service
        self._topics = topics
        self._listener = listener
        self._taken = taken
        self._handle = handle
        self._taken_max = taken_max
        self._announcement = Announcement()
        self._broker: Any = None
        self._subscriber: Any = None

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """Aiokafka's consumer; there once `join` was called."""
        return self._subscriber.consumer

    async def join(self) -> None:
        """Connect and join; raises `TransientError` without a broker."""
        settings = self._settings
        self._broker = broker(settings, f"{self._service}-{settings.instance}", consumer_only=True)
        self._subscriber = self._broker.subscriber(
            *(settings.topic_prefix + topic for topic in self._topics),
            batch=True,
            max_records=self._taken_max,
            batch_timeout_ms=milliseconds(settings.batch_timeout),
            listener=self._listener,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            parser=self._parse,
            decoder=_body,
            **consuming(settings, self._service) | {"partition_assignment_strategy": (self._announcement.assignor,)},
        )
        self._subscriber(_function(self._handle))
        try:
            await self._broker.connect()
            config = self._broker.config.broker_config
            config.builder = functools.partial(_Patient, **config.builder.keywords)
            await self._subscriber.start()
        except (KafkaError, OSError) as error:
            await self.leave()
            raise TransientError(f"Kafka does not answer at {settings.kafka}: {error}") from error

    def announce(self) -> None:
        """To be called with the first partitions: a static member that came back says what it reads now."""
        if self._settings.instance:
            self._announcement.make(self.consumer)

    def rejoin(self) -> None:
        """Let Kafka say once more whose the partitions are: whoever has them takes them over anew."""
        self.consumer._coordinator.request_rejoin()  # noqa: SLF001 - aiokafka has no public way to join again

    async def leave(self) -> None:
        """Finish the batch at work, within FastStream's patience, and disconnect; harmless a second time."""
        subscriber = self._subscriber
        if subscriber is None or subscriber.consumer is None:
            return
        consumer, tasks = subscriber.consumer, list(subscriber.tasks)
        stopping = asyncio.create_task(subscriber.stop())
        await asyncio.wait([stopping], timeout=LEAVE_TIMEOUT_SECONDS)
        stopping.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
        if subscriber.consumer is not None:
            await _disconnect(consumer)
            subscriber.consumer = None

    async def _parse(self, raw: RawBatch) -> KafkaAckableMessage:
        """FastStream's message around raw records: nothing is decoded, and an error is a value (faststream #2458)."""
        try:
            body = self._taken(raw)
        except Exception as error:  # noqa: BLE001 - raised here, it would cost the batch without a word
            body = error
        return KafkaAckableMessage(body=body, raw_message=raw, consumer=self.consumer, headers={}, reply_to="")


class _Patient(TolerantConsumer):
    """A consumer for FastStream, which sleeps after an empty answer: what comes meanwhile would wait for it to wake."""

    async def getmany(self, *partitions: Any, **options: Any) -> Any:
        """As aiokafka's, but it waits until there is something; an error is logged here, for FastStream only waits."""
        try:
            while not (found := await super().getmany(*partitions, **options)):
                continue
        except KafkaError as error:
            _log.warning("Kafka could not be read, trying again: %s", error)
            raise
        return found


async def _body(message: KafkaAckableMessage) -> Any:
    return message.body


def _function(handle: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def handler(batch: Any) -> None:  # FastStream marks the function that it is given
        await handle(batch)

    return handler


async def _disconnect(consumer: AIOKafkaConsumer) -> None:
    """With the broker away, aiokafka's `stop` ends in the middle (a cancelled fetch raises): do the rest of it."""
    fetcher = consumer._fetcher  # noqa: SLF001 - aiokafka's `stop` does not come back to it
    if fetcher is not None:
        await asyncio.gather(*fetcher._pending_tasks, return_exceptions=True)  # noqa: SLF001 - as above
    with contextlib.suppress(KafkaError, OSError):
        await consumer._client.close()  # noqa: SLF001 - as above
