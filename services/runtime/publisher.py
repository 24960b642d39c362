"""Publishing: an event is sent once every replica has it, or the sender hears why not."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

from services.runtime.errors import PermanentError, TransientError
from services.runtime.options import connection, producing
from services.runtime.records import Headers, moment
from services.runtime.settings import Settings

PENDING_MAX = 10_000
"""Events on their way at once; more are refused, so that a broker that is away cannot fill the memory."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)
_EPOCH = moment(0)

Outcome = TransientError | PermanentError | None


@dataclass(frozen=True, slots=True)
class Message:
    """One event on its way to a (logical) topic; `timestamp` only where topics keep the sender's own (a replay)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: datetime | None = None


class Publisher:
    """Sends messages and waits for all replicas' word. A repeat after a `TransientError` is always safe."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: str = "publisher",
        pending_max: int = PENDING_MAX,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`client` names it to the broker and in its metrics, which are found in `registry`, or kept to itself."""
        self._settings = settings
        self._seconds = Histogram(
            "koikarper_runtime_publish_seconds",
            "From sending to the word of all replicas, or to the failure; of several sent at once, the last.",
            ("publisher",),
            buckets=_SECONDS,
            registry=registry or CollectorRegistry(),
        ).labels(client)
        self._client = client
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

        The order in each partition is kept: after the first `TransientError` nothing more is sent.
        """
        with self._seconds.time():
            return await self._send_all(messages)

    async def _send_all(self, messages: Sequence[Message]) -> list[Outcome]:
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        outcomes: list[Outcome] = []
        futures: dict[int, asyncio.Future[Any]] = {}
        for number, message in enumerate(messages):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._room(futures)
                    futures[number] = await self._enqueue(message)
            except (KafkaError, OSError, TransientError) as error:  # TimeoutError is an OSError
                outcomes.append(self._meaning(error, message))
                if isinstance(outcomes[-1], TransientError):
                    outcomes += [outcomes[-1]] * (len(messages) - len(outcomes))
                    break
            else:
                outcomes.append(None)
        await self._confirmed(futures, deadline)
        return [
            self._outcome(futures[number], messages[number]) if number in futures else outcome
            for number, outcome in enumerate(outcomes)
        ]

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

    async def _room(self, own: dict[int, "asyncio.Future[Any]"]) -> None:
        """One call may send more than may be on its way at once: then it waits for its own."""
        while self._pending >= self._pending_max and (waiting := [one for one in own.values() if not one.done()]):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def _enqueue(self, message: Message) -> "asyncio.Future[Any]":
        if self._pending >= self._pending_max:
            raise TransientError(f"{self._pending} events are still on their way to Kafka; try again later")
        producer = await self._current()
        self._pending += 1
        future: asyncio.Future[Any] | None = None
        try:
            future = await producer.send(
                self._settings.topic_prefix + message.topic,
                # aiokafka cannot send a record with neither key nor value.
                value=b"" if message.key is None and message.value is None else message.value,
                key=message.key,
                headers=list(message.headers),
                timestamp_ms=_timestamp_ms(message.timestamp),
            )
        finally:
            if future is None:
                self._pending -= 1
        future.add_done_callback(partial(self._settled, producer))
        return future

    async def _confirmed(self, futures: dict[int, "asyncio.Future[Any]"], deadline: float) -> None:
        """Wait for all replicas' word. An idempotent producer tries for ever, so the wait has an end of its own."""
        if futures:
            await asyncio.wait(futures.values(), timeout=max(0.0, deadline - asyncio.get_running_loop().time()))

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

    def _settled(self, producer: AIOKafkaProducer, future: "asyncio.Future[Any]") -> None:
        self._pending -= 1
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
        options = connection(self._settings, self._client) | producing(self._settings)
        producer = AIOKafkaProducer(**options)
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


def _timestamp_ms(timestamp: datetime | None) -> int | None:
    return None if timestamp is None else (timestamp - _EPOCH) // timedelta(milliseconds=1)


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
