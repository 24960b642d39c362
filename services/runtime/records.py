"""One record of a topic, as the broker holds it: bytes and headers untouched."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord  # type: ignore[import-untyped]  # aiokafka has no py.typed

Headers = tuple[tuple[str, bytes], ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read; nothing in it has been decoded."""

    topic: str
    """The logical name: the deployment's prefix is removed."""
    partition: int
    offset: int
    timestamp: datetime
    """The broker's moment of receipt (LogAppendTime), or the log's own moment in a replay (CreateTime)."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition and offset: what no other record shares."""
        return self.topic, self.partition, self.offset


def moment(timestamp_ms: int) -> datetime:
    """The moment of a Kafka timestamp, exactly to its millisecond (a float would round)."""
    return _EPOCH + timedelta(milliseconds=timestamp_ms)


def record_of(raw: "ConsumerRecord[bytes, bytes]", prefix: str = "") -> Record:
    """The record that aiokafka read; a header without a value becomes an empty one."""
    return Record(
        topic=raw.topic.removeprefix(prefix),
        partition=raw.partition,
        offset=raw.offset,
        timestamp=moment(raw.timestamp),
        key=raw.key,
        value=raw.value,
        headers=tuple((name, value or b"") for name, value in raw.headers),
    )
