"""The far end of a replay: reads every department's topic, and what became a dead letter, as a department would."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events import catalogue
from events.envelope import OUTCOME_SIZE_MAX, read_message
from services.runtime.dead_letters import PREFIX
from services.runtime.options import FETCH_BYTES_MAX, connection
from services.runtime.settings import Settings

_ASSIGNED = f"{catalogue.PREFIX}.assignments.assigned.v1"
_DEAD_LETTERS_KEPT = 20


@dataclass(slots=True)
class Arrived:
    """What has come so far: each department's assignments, and the dead letters with why (the first few)."""

    assignments: dict[str, set[UUID]] = field(default_factory=dict)
    dead_letters: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All assignments that arrived, each once."""
        return sum(map(len, self.assignments.values()))


class Watch:
    """A reader without a group on topics of one partition each: it keeps its own place and commits nothing."""

    def __init__(self, settings: Settings, departments: Iterable[str]) -> None:
        self.arrived = Arrived({code: set() for code in departments})
        self._topics = {
            settings.topic_prefix + catalogue.department_assignments(code): code for code in self.arrived.assignments
        }
        self._dead_letters = settings.topic_prefix + catalogue.DEAD_LETTERS
        self._partitions = [TopicPartition(name, 0) for name in (*self._topics, self._dead_letters)]
        self._consumer = AIOKafkaConsumer(
            **connection(settings, "replay-watch"),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=FETCH_BYTES_MAX,
        )

    async def start(self) -> None:
        """Begin at the first record of every topic."""
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def read(self, timeout_seconds: float) -> None:
        """Take in what has come within the time; returns as soon as there is something."""
        batches = await self._consumer.getmany(timeout_ms=int(timeout_seconds * 1000))
        for partition, records in batches.items():
            for record in records:
                self._take(partition.topic, record)

    async def at_the_end(self) -> bool:
        """Whether everything that the topics hold has been read."""
        ends = await self._consumer.end_offsets(self._partitions)
        return all([await self._consumer.position(partition) >= end for partition, end in ends.items()])

    async def end_of(self, partition: TopicPartition) -> int:
        """The offset after the last record of any partition."""
        ends = await self._consumer.end_offsets([partition])
        return int(ends[partition])

    def _take(self, topic: str, record: Any) -> None:
        if topic == self._dead_letters:
            self.arrived.dead_letters += 1
            if len(self.arrived.reasons) < _DEAD_LETTERS_KEPT:
                self.arrived.reasons.append(_why(record.headers))
            return
        raw = read_message(record.headers, record.value, size_max=OUTCOME_SIZE_MAX)
        if raw.get("type") == _ASSIGNED:
            self.arrived.assignments[self._topics[topic]].add(UUID(raw["data"]["assignment"]))


def missing(arrived: Arrived, made: Collection[tuple[str, UUID]]) -> list[str]:
    """What the ledger assigned and no department has seen, or the other way round: one line for each department."""
    lines = []
    for code in sorted({code for code, _ in made} | arrived.assignments.keys()):
        ledger = {id_ for department, id_ in made if department == code}
        there = arrived.assignments.get(code, set())
        if ledger != there:
            lines.append(f"{code}: the ledger made {len(ledger)} assignments, {len(ledger & there)} of them arrived")
    return lines


def _why(headers: Iterable[tuple[str, bytes]]) -> str:
    found = {name.removeprefix(PREFIX): value.decode(errors="replace") for name, value in headers}
    return json.dumps({name: found.get(name, "") for name in ("reason", "message", "offset")}, ensure_ascii=False)
