"""One department's topics on real Kafka: the loop's side that writes, and a reader of what the department answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.catalogue import (
    CATALOGUE,
    DEAD_LETTERS,
    Topic,
    department_answers,
    department_assignments,
    department_topics,
)
from events.envelope import STRUCTURED_HEADERS, encode, read_message, structured
from events.identifiers import assignment_id, signal_id
from events.outcomes import Assigned
from events.reading import Event, read_input
from services.runtime import topics
from services.runtime.broker import Publisher
from services.runtime.records import Record, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from services.runtime.settings import Settings

LOOP = "urn:nld:oin:00000099000000001000:systeem:koikarper"
ASSIGNMENTS = department_assignments("permits")
ANSWERS = department_answers("permits")
PATIENCE_SECONDS = 60
AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def assigned(number: int, **changes: Any) -> dict[str, Any]:
    """The event of the assignment with this number; the same number is the same event."""
    signal = signal_id("urn:nld:kvknr:09220932:systeem:wijkapp", str(number))
    fields: dict[str, Any] = {
        "assignment": assignment_id(signal, "permits", 1),
        "signal": signal,
        "department": "permits",
        "round": 1,
        "kind": "initiative-blocked",
        "because": "route 1",
        "waiting_since": AT,
        "acknowledge_by": AT + timedelta(days=2),
        "resolve_by": AT + timedelta(weeks=10),
        "report": {"team": "noord", "title": f"Koi {number}"},
    }
    data = Assigned.model_validate(fields | changes).model_dump(mode="json", by_alias=True, exclude_none=True)
    type_ = "nl.koikarper.assignments.assigned.v1"
    return structured(id_=f"assigned-{number}", source=LOOP, type_=type_, time=AT, data=data)


@dataclass(slots=True)
class Loop:
    """What the loop writes to the department, and what it finds on the department's topic of answers."""

    settings: Settings
    publisher: Publisher

    assigned = staticmethod(assigned)

    @staticmethod
    def assignment(number: int) -> UUID:
        """The id of the assignment with this number."""
        return UUID(assigned(number)["data"]["assignment"])

    @staticmethod
    def told(name: str, id_: str, **data: Any) -> dict[str, Any]:
        """Another event about the signal of assignment 1, whose data are in snake case."""
        type_ = f"nl.koikarper.{name}.v1"
        model = CATALOGUE[type_].model.model_validate({"signal": assigned(1)["data"]["signal"], **data})
        body = model.model_dump(mode="json", by_alias=True, exclude_none=True)
        return structured(id_=id_, source=LOOP, type_=type_, time=AT, data=body)

    async def tell(self, *events: dict[str, Any]) -> None:
        for event in events:
            key = str(event["data"].get("signal", "")).encode()
            await self.publisher.send(ASSIGNMENTS, key, encode(event), STRUCTURED_HEADERS)

    async def put(self, value: bytes | None, headers: Iterable[tuple[str, bytes]] = STRUCTURED_HEADERS) -> None:
        """Any bytes on the department's topic."""
        await self.publisher.send(ASSIGNMENTS, b"key", value, headers)

    async def records(self, topic: str, count: int) -> list[Record]:
        """The first records of a topic, once there are `count`; more only if they are there already."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            place = TopicPartition(self.settings.topic_prefix + topic, 0)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            found: list[Record] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (
                    len(found) < count or await consumer.position(place) < (await consumer.end_offsets([place]))[place]
                ):
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found += [record_of(record, self.settings.topic_prefix) for record in records]
            return found
        finally:
            await consumer.stop()

    async def answers(self, count: int) -> list[Event]:
        """The answers, read and checked as the ledger does."""
        records = await self.records(ANSWERS, count)
        return [read_input(read_message(one.headers, one.value), one.timestamp, strict=True) for one in records]


@pytest_asyncio.fixture(loop_scope="session")
async def loop(settings: Settings) -> AsyncIterator[Loop]:
    """The topics of the department `permits`, and of dead letters."""
    await topics.ensure(settings, [*department_topics("permits"), Topic(DEAD_LETTERS)])
    publisher = Publisher(settings, client="loop")
    await publisher.start()
    try:
        yield Loop(settings, publisher)
    finally:
        await publisher.stop()
