"""A static member that comes back is asked for anew what it reads: the broker itself would not ask.

Its old place in the group is given back without a rebalance (KIP-345), which is why a restart is quick. But then the
group goes by what the member read *before*: a topic that new agreements ask for would be nobody's. And when it was the
group's leader, which watches for new partitions, nobody watches any more (KAFKA-13461; Java's client has a cure since
KIP-814, aiokafka 0.14 has not). So who comes back joins once more, with a mark of its own: to the broker that is a
member whose metadata changed, and it lets all of them share anew.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.coordinator.assignors.roundrobin import (  # type: ignore[import-untyped]  # as above
    RoundRobinPartitionAssignor,
)
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata  # type: ignore[import-untyped]  # as above


class Announcement:
    """That of one member: made once, after its first join."""

    def __init__(self) -> None:
        self._mark = b""
        self.assignor = self._marking()
        """The strategy to join with; by its name it is the one of every other member."""

    def make(self, consumer: AIOKafkaConsumer) -> None:
        """Join once more; harmless a second time, and for the leader, which has just asked everybody."""
        coordinator = consumer._coordinator  # noqa: SLF001 - aiokafka has no public way to join again
        if not self._mark and coordinator._group_subscription is None:  # noqa: SLF001 - what only a leader knows
            self._mark = uuid.uuid4().bytes
            coordinator.request_rejoin()

    def _marking(self) -> type[Any]:
        announcement = self

        class Marking(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
            @classmethod
            def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
                return ConsumerProtocolMemberMetadata(cls.version, list(topics), announcement._mark)

        return Marking
