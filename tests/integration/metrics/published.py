"""Everything that the loop ever told, read back from Kafka: what left the outbox."""

import base64
import json
import time
import uuid
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

ENDS = (".assignments", ".feedback", "loop.precedents", "dead-letters")
PATIENCE_SECONDS = 10


class Sent(NamedTuple):
    """A record as a row of the outbox: `headers` as JSON of pairs with the value in base64, for a dead letter only."""

    topic: str
    signal: str | None
    value: bytes
    headers: str | None


def published(kafka: str, prefix: str = "") -> list[Sent]:
    """Every record of the topics on which the loop tells something, from the beginning to the end."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": uuid.uuid4().hex, "enable.auto.commit": False, "log_level": 0}
    )
    try:
        places = [
            TopicPartition(name, partition, 0)
            for name, topic in consumer.list_topics(timeout=PATIENCE_SECONDS).topics.items()
            if name.startswith(prefix) and name.endswith(ENDS)
            for partition in topic.partitions
        ]
        ends = {(one.topic, one.partition): _end(consumer, one) for one in places}
        consumer.assign([one for one in places if ends[one.topic, one.partition]])
        return [_sent(one, prefix) for one in _all(consumer, sum(ends.values()))]
    finally:
        consumer.close()


def _end(consumer: Consumer, place: TopicPartition) -> int:
    """The end of a partition; a broker that has just started may not lead all of its own yet."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, PATIENCE_SECONDS)[1])
        except KafkaException:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)


def _all(consumer: Consumer, count: int) -> list[Message]:
    found: list[Message] = []
    while len(found) < count:
        batch = consumer.consume(min(count - len(found), 10_000), PATIENCE_SECONDS)
        assert batch, f"{len(found)} of {count} records could be read back"
        found += [message for message in batch if message.error() is None]
    return found


def _sent(message: Message, prefix: str) -> Sent:
    topic = message.topic().removeprefix(prefix)
    if topic == "dead-letters":
        headers = [[name, base64.b64encode(value).decode()] for name, value in message.headers() or ()]
        return Sent(topic, None, message.value() or b"", json.dumps(headers))
    return Sent(topic, message.key().decode(), message.value(), None)
