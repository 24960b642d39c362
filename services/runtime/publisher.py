"""Publishing: an event is sent once every replica has it, or the sender hears why not."""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import (  # type: ignore[import-untyped]  # as above
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    RecordTooLargeError,
)
from prometheus_client import CollectorRegistry, Histogram

from services.runtime.batches import Message, Stretch, batch, stretches
from services.runtime.errors import PermanentError, TransientError
from services.runtime.metadata import pause_without_leader
from services.runtime.options import LINGER_MS, RETRY_BACKOFF_MS, connection, producing
from services.runtime.partitions import partition_of
from services.runtime.settings import Settings

__all__ = ["Message", "Outcome", "Publisher"]

PENDING_MAX = 10_000
"""Events on their way at once; more are refused, so that a broker that is away cannot fill the memory."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)

Outcome = TransientError | PermanentError | None


@dataclass(frozen=True, slots=True)
class _Call:
    """Several messages that are sent with one call, what became of each, and which of them each promise is about."""

    messages: Sequence[Message]
    deadline: float
    outcomes: list[Outcome]
    futures: "dict[asyncio.Future[Any], list[int]]" = field(default_factory=dict)


class Publisher:
    """Sends messages and waits for all replicas' word. A repeat after a `TransientError` is always safe."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: str = "publisher",
        pending_max: int = PENDING_MAX,
        gathered: bool = False,
        linger_ms: int = LINGER_MS,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`client` names it to the broker and in its metrics, which are found in `registry`, or kept to itself.

        `gathered`: who calls `send_all` has gathered what goes together, so even a lone message waits for no others.
        `linger_ms`: how long a lone message waits for others (see `options.producing`).
        """
        self._settings = settings
        self._seconds = Histogram(
            "koikarper_runtime_publish_seconds",
            "From sending to the word of all replicas, or to the failure; of several sent at once, the last.",
            ("publisher",),
            buckets=_SECONDS,
            registry=registry or CollectorRegistry(),
        ).labels(client)
        self._client = client
        self._gathered = gathered
        self._linger_ms = linger_ms
        self._pending_max = pending_max
        self._pending = 0
        self._timeout_seconds = settings.kafka_timeout.total_seconds()
        self._producer: AIOKafkaProducer | None = None
        self._spent: AIOKafkaProducer | None = None
        self._renewal = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect; raises `TransientError` when no broker answers in time."""
        if self._producer is None:
            self._producer = await self._connected()

    async def stop(self) -> None:
        """Send what is under way, but wait no longer than one timeout; harmless when not started."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._close(producer)
        await asyncio.gather(*self._closing)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
        *,
        timestamp: datetime | None = None,
    ) -> None:
        """Send one event to a logical topic; returns when every replica has it.

        Raises `PermanentError` when no repeat can help (too large), `TransientError` when the broker is away or
        slow: then it may yet arrive, so a repeat must be the same event (same source and id).
        """
        (outcome,) = await self.send_all([Message(topic, key, value, tuple(headers), timestamp)])
        if outcome is not None:
            raise outcome

    async def send_all(self, messages: Sequence[Message]) -> list[Outcome]:
        """Send many at once; answers for each message: None when every replica has it, or why not.

        The order in each partition is kept: after the first `TransientError` nothing more is sent to it. Several travel
        as batches of their own, without waiting for what others send; one alone travels with others (see `gathered`).
        """
        with self._seconds.time():
            return await self._send_all(messages)

    async def _send_all(self, messages: Sequence[Message]) -> list[Outcome]:
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        if len(messages) == 1 and not self._gathered:
            return [await self._send_one(messages[0], deadline)]
        call = _Call(messages, deadline, [None] * len(messages))
        topics: dict[str, list[int]] = {}
        for number, message in enumerate(messages):
            topics.setdefault(message.topic, []).append(number)
        if topics:
            await asyncio.gather(*(self._send_to(topic, numbers, call) for topic, numbers in topics.items()))
        await self._confirmed(call.futures, deadline)
        for future, numbers in call.futures.items():
            if not future.done() or future.exception() is not None:
                for number in numbers:
                    call.outcomes[number] = self._outcome(future, messages[number])
        return call.outcomes

    async def _send_one(self, message: Message, deadline: float) -> Outcome:
        """Alone, as the gateway sends: aiokafka puts it with what others send at that moment."""
        future: asyncio.Future[Any] | None = None
        try:
            async with asyncio.timeout_at(deadline):
                future = await self._enqueue(message)
                await asyncio.shield(future)  # who waits no longer takes nothing back: it may be with the broker
        except Exception as error:  # of the promise itself any error says that it is not kept
            if future is not None:
                return self._outcome(future, message)
            if not isinstance(error, KafkaError | OSError | TransientError):  # TimeoutError is an OSError
                raise
            return self._meaning(error, message)
        return None

    async def _send_to(self, topic: str, numbers: list[int], call: "_Call") -> None:
        """Those of a call's messages that go to one topic."""
        physical = self._settings.topic_prefix + topic
        try:
            async with asyncio.timeout_at(call.deadline):
                found = await stretches(await self._current(), physical, call.messages, numbers)
        except (KafkaError, OSError, TransientError) as error:
            self._failed(call, numbers, error)
            return
        if len(found) == 1:
            await self._send_stretch(found[0], call)
        else:
            await asyncio.gather(*(self._send_stretch(stretch, call) for stretch in found))

    async def _send_stretch(self, stretch: Stretch, call: "_Call") -> None:
        """The messages of one partition, in order; after the first that may yet succeed, nothing more."""
        while stretch.done < len(stretch.numbers):
            try:
                async with asyncio.timeout_at(call.deadline):
                    await self._room(call.futures)
                    stretch.done += await self._enqueue_batch(stretch, call)
            except (KafkaError, OSError, TransientError) as error:
                first, *rest = stretch.numbers[stretch.done :]
                self._failed(call, [first], error)
                stretch.done += 1
                if isinstance(call.outcomes[first], TransientError):
                    self._failed(call, rest, error)
                    return

    def _failed(self, call: "_Call", numbers: Iterable[int], error: BaseException) -> None:
        for number in numbers:
            call.outcomes[number] = self._meaning(error, call.messages[number])

    async def ping(self) -> None:
        """Ask the broker for a sign of life; raises `TransientError` when there is none in time."""
        producer = await self._current()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                alive = await producer.client.force_metadata_update()
        except (TimeoutError, KafkaError, OSError) as error:
            raise TransientError(f"Kafka does not answer: {_text(error)}") from error
        if not alive:
            raise TransientError(f"Kafka does not answer at {self._settings.kafka}")

    async def _room(self, own: "Iterable[asyncio.Future[Any]]") -> None:
        """One call may send more than may be on its way at once: then it waits for its own."""
        while self._pending >= self._pending_max and (waiting := [one for one in own if not one.done()]):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._pending >= self._pending_max:
            raise TransientError(f"{self._pending} events are still on their way to Kafka; try again later")

    async def _enqueue(self, message: Message) -> "asyncio.Future[Any]":
        await self._room(())
        producer = await self._current()
        sending = producer.send(
            self._settings.topic_prefix + message.topic,
            value=message.body,
            key=message.key,
            headers=[*message.headers],
            timestamp_ms=message.timestamp_ms,
        )
        return await self._handed_on(producer, sending, 1)

    async def _enqueue_batch(self, stretch: Stretch, call: "_Call") -> int:
        """Hand the next batch of a stretch to aiokafka; how many messages it holds."""
        producer = await self._current()
        builder, numbers = batch(producer, call.messages, stretch, max(1, self._pending_max - self._pending))
        sending = producer.send_batch(builder, stretch.topic, partition=stretch.partition)
        call.futures[await self._handed_on(producer, sending, len(numbers))] = numbers
        return len(numbers)

    async def _handed_on(
        self, producer: AIOKafkaProducer, sending: "Coroutine[Any, Any, asyncio.Future[Any]]", count: int
    ) -> "asyncio.Future[Any]":
        self._pending += count
        future: asyncio.Future[Any] | None = None
        try:
            future = await sending
        finally:
            if future is None:
                self._pending -= count
        future.add_done_callback(partial(self._settled, producer, count))
        return future

    async def _confirmed(self, futures: "Collection[asyncio.Future[Any]]", deadline: float) -> None:
        """Wait for all replicas' word. An idempotent producer tries for ever, so the wait has an end of its own."""
        if futures:
            await asyncio.wait(futures, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))

    def _outcome(self, future: "asyncio.Future[Any]", message: Message) -> Outcome:
        if not future.done():
            return self._meaning(TimeoutError(), message)
        error = future.exception()
        return None if error is None else self._meaning(error, message)

    def _meaning(self, error: BaseException, message: Message) -> TransientError | PermanentError:
        if isinstance(error, TransientError):
            return error
        if isinstance(error, _TOO_LARGE):
            return PermanentError("too-large", f"Kafka refuses it for {message.topic}: {_text(error)}")
        if isinstance(error, InvalidTimestampError):
            return PermanentError("in-the-future", f"Kafka refuses its timestamp for {message.topic}")
        if isinstance(error, TimeoutError):
            waited = f"{self._timeout_seconds:g} s"
            return TransientError(f"Kafka did not confirm an event for {message.topic} within {waited}")
        return TransientError(f"Kafka did not take an event for {message.topic}: {_text(error)}")

    def _settled(self, producer: AIOKafkaProducer, count: int, future: "asyncio.Future[Any]") -> None:
        self._pending -= count
        # A batch that failed for good leaves a hole in the producer's sequence, which aiokafka never closes: the
        # broker refuses all that follows in that partition as out of order (aiokafka #1017). The producer is spent.
        if not future.cancelled() and future.exception() is not None:
            self._spent = producer

    async def _current(self) -> AIOKafkaProducer:
        """The producer; a new one when the old one broke for good (its sequence was lost, its epoch ended)."""
        if self._producer is None:
            raise TransientError("The publisher is not started")
        if self._broken(self._producer):
            async with self._renewal:
                if self._producer is not None and self._broken(self._producer):
                    broken, self._producer = self._producer, await self._connected()
                    closing = asyncio.create_task(self._close(broken))  # it may yet deliver what it has
                    self._closing.add(closing)
                    closing.add_done_callback(self._closing.discard)
        return self._producer

    def _broken(self, producer: AIOKafkaProducer) -> bool:
        task = producer._sender.sender_task  # noqa: SLF001 - the only sign that aiokafka's sender ended
        return producer is self._spent or (task is not None and task.done())

    async def _connected(self) -> AIOKafkaProducer:
        options = connection(self._settings, self._client) | producing(self._settings, linger_ms=self._linger_ms)
        producer = AIOKafkaProducer(partitioner=partition_of, **options)
        pause_without_leader(producer.client, RETRY_BACKOFF_MS / 1000)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await producer.start()
        except (TimeoutError, KafkaError, OSError) as error:
            await self._close(producer)
            raise TransientError(f"Kafka does not answer at {self._settings.kafka}: {_text(error)}") from error
        except BaseException:
            await self._close(producer)
            raise
        return producer

    async def _close(self, producer: AIOKafkaProducer) -> None:
        """End the producer: its own `stop` waits for ever for what a broker that is away cannot take, this not."""
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(self._timeout_seconds):
                await producer.stop()
                return
        # The sender first: a batch that is failed while it is under way breaks aiokafka's own books.
        with contextlib.suppress(KafkaError, OSError):
            await producer._sender.close()  # noqa: SLF001 - aiokafka has no stop without a flush
        producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - as above
        with contextlib.suppress(KafkaError, OSError):
            await producer.client.close()


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
