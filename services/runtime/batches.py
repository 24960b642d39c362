"""Messages as Kafka's own batches: filled here, so that many messages cost one promise of aiokafka's and not many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import MessageSizeTooLargeError  # type: ignore[import-untyped]  # as above
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # as above
    DefaultRecordBatchBuilder,
)

from services.runtime.options import MESSAGE_BYTES_MAX
from services.runtime.partitions import partition_of
from services.runtime.records import Headers, moment

_EPOCH = moment(0)
_SURELY_SMALL_BYTES = MESSAGE_BYTES_MAX // 4
"""What Kafka adds to a record is far less than the other three quarters; only larger ones are weighed exactly."""


class Message(NamedTuple):
    """One event on its way to a (logical) topic; `timestamp` only where topics keep the sender's own (a replay)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: datetime | None = None

    @property
    def body(self) -> bytes | None:
        """The value as aiokafka takes it: it cannot send a record with neither key nor value."""
        return b"" if self.key is None and self.value is None else self.value

    @property
    def timestamp_ms(self) -> int | None:
        """As Kafka counts; None: now."""
        return None if self.timestamp is None else (self.timestamp - _EPOCH) // timedelta(milliseconds=1)


@dataclass(slots=True)
class Stretch:
    """Those of a call's messages that go to one partition, by their numbers, in order; `done` of them are handed on."""

    topic: str
    partition: int
    numbers: list[int]
    done: int = 0


async def stretches(
    producer: AIOKafkaProducer, topic: str, messages: Sequence[Message], numbers: list[int]
) -> list[Stretch]:
    """The messages with these `numbers`, all for the physical `topic`, by partition, as Kafka's own clients place them.

    Raises `KafkaError` when the topic is not there.
    """
    partitions = sorted(await producer.partitions_for(topic))
    if len(partitions) == 1:
        return [Stretch(topic, partitions[0], numbers)]
    found: dict[int, list[int]] = {}
    for number in numbers:
        found.setdefault(partition_of(messages[number].key, partitions, partitions), []).append(number)
    return [Stretch(topic, partition, own) for partition, own in found.items()]


def batch(
    producer: AIOKafkaProducer, messages: Sequence[Message], stretch: Stretch, most: int
) -> tuple[Any, list[int]]:
    """The next messages of a stretch as one closed batch, `most` of them or as many as fit, and their numbers.

    The first always fits. Raises `MessageSizeTooLargeError` when that one is larger than Kafka is ever asked to take.
    """
    builder = producer.create_batch()
    taken: list[int] = []
    for number in stretch.numbers[stretch.done : stretch.done + most]:
        message = messages[number]
        if _is_too_large(message):
            if taken:
                break
            raise MessageSizeTooLargeError(f"it has more than {MESSAGE_BYTES_MAX} bytes")
        added = builder.append(
            timestamp=message.timestamp_ms, key=message.key, value=message.body, headers=[*message.headers]
        )
        if added is None:
            break
        taken.append(number)
    builder.close()
    return builder, taken


def _is_too_large(message: Message) -> bool:
    size = len(message.value or b"") + len(message.key or b"")
    for name, value in message.headers:
        size += len(name) + len(value or b"")
    if size < _SURELY_SMALL_BYTES:
        return False
    exactly: int = DefaultRecordBatchBuilder.estimate_size_in_bytes(message.key, message.body, [*message.headers])
    return exactly > MESSAGE_BYTES_MAX
