"""A consumer that asks nothing any more is noticed, and one that has a reason is let be."""

import asyncio
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaConnectionError  # type: ignore[import-untyped]  # as above

from services.runtime.errors import KoikarperError
from services.runtime.watchdog import Watchdog

SILENCE = timedelta(milliseconds=60)
LONG_AGO_MS = 1_000


class Polled:
    """What the watchdog sees of aiokafka's consumer: when it last polled, and whether the broker answers."""

    def __init__(self, *, polled_ms: int | None = LONG_AGO_MS, partitions: int = 1, answers: bool = True) -> None:
        self._coordinator = SimpleNamespace(_coordination_task=asyncio.get_running_loop().create_future())
        self._polled_ms, self._partitions, self._answers = polled_ms, partitions, answers

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("things", number) for number in range(self._partitions)}

    def last_poll_timestamp(self, _partition: TopicPartition) -> int | None:
        return int(time.time() * 1000) if self._polled_ms is None else self._polled_ms

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if not self._answers:
            raise KafkaConnectionError("away")
        return dict.fromkeys(partitions, 0)


async def found(consumer: Any, *, busy: bool = False) -> list[KoikarperError]:
    """What a watchdog reports of this consumer within several times the silence it allows."""
    failures: list[KoikarperError] = []
    watchdog = Watchdog(consumer, SILENCE, lambda: busy, failures.append)
    watchdog.start()
    await asyncio.sleep(SILENCE.total_seconds() * 5)
    await watchdog.stop()
    return failures


async def test_silence_while_the_broker_answers_is_reported_once() -> None:
    (failure,) = await found(Polled())
    assert "things-0 was not polled" in str(failure)


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("it polls", {"polled_ms": None}),
        ("the broker is away, and a restart would not help", {"answers": False}),
        ("it stands by", {"partitions": 0}),
    ],
)
async def test_a_consumer_with_a_reason_is_let_be(reason: str, given: dict[str, Any]) -> None:
    assert await found(Polled(**given)) == [], reason


async def test_a_batch_at_work_is_no_silence() -> None:
    assert await found(Polled(), busy=True) == []


async def test_a_group_that_is_no_longer_coordinated_is_reported() -> None:
    consumer = Polled(polled_ms=None)
    consumer._coordinator._coordination_task.set_result(None)
    (failure,) = await found(consumer)
    assert "coordination of the group ended" in str(failure)
