"""One record of a topic, as the broker holds it: bytes and headers untouched."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

Headers = tuple[tuple[str, bytes], ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_MIN = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_MS_MAX = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class Record(NamedTuple):
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


@lru_cache(maxsize=1024)  # the records of one producer's batch have the same
def moment(timestamp_ms: int) -> datetime:
    """The moment of a Kafka timestamp, exactly to its millisecond; what no calendar holds becomes its last moment."""
    return _EPOCH + timedelta(milliseconds=min(max(timestamp_ms, _MS_MIN), _MS_MAX))


def record_of(raw: Any, prefix: str = "") -> Record:
    """The record in aiokafka's `ConsumerRecord`; it decodes nothing, so no bytes can make it fail."""
    headers = tuple(raw.headers)
    if len(headers) != 1 or not headers[0][1]:  # most have one: what kind of event it is
        headers = tuple([one if one[1] else (one[0], b"") for one in headers])
    topic = raw.topic.removeprefix(prefix)
    return Record(topic, raw.partition, raw.offset, moment(raw.timestamp), raw.key, raw.value, headers)
