"""What Kafka knows of a department's own program: it read, it did not read, or nobody knows of one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from events.catalogue import DEAD_LETTERS, Topic, department_topics
from services.department.file_journal import FileJournal
from services.department.kit import Department, Desk
from services.local.parts import Parts
from services.metrics.reading import Reading
from services.runtime import topics
from services.runtime.broker import Publisher
from services.runtime.clock import now
from services.runtime.settings import Settings

UNREAD = "koikarper_department_unread_records"
ASKED = "koikarper_department_unread_timestamp_seconds"
DEPARTMENTS = ("parks", "permits", "without-topic")


async def seen(reading: Reading) -> dict[str, float]:
    """The unread records by department."""
    families = {family.name: family for family in await reading.look()}
    return {sample.labels["department"]: sample.value for sample in families[UNREAD].samples}


async def asked(reading: Reading) -> list[float]:
    return [sample.value for family in await reading.look() if family.name == ASKED for sample in family.samples]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - it is asked as the exporter asks it
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def reading(settings: Settings) -> AsyncIterator[Reading]:
    await topics.ensure(settings, [*department_topics("permits"), *department_topics("parks"), Topic(DEAD_LETTERS)])
    one = Reading(settings, DEPARTMENTS, now)
    yield one
    await one.close()


@pytest_asyncio.fixture
async def publisher(settings: Settings) -> AsyncIterator[Publisher]:
    one = Publisher(settings)
    await one.start()
    yield one
    await one.stop()


def silent(settings: Settings, journal: Any) -> Department:
    """A department's program that takes in everything and says nothing."""
    department = Department(settings, "permits", source="urn:permits", journal=journal)

    @department.assigned
    async def take_in(assignment: Any, desk: Desk) -> None: ...

    return department


async def test_a_program_that_reads_and_stops_and_one_that_nobody_knows_of(
    settings: Settings, reading: Reading, publisher: Publisher, tmp_path: Path
) -> None:
    async def tell(count: int) -> None:
        for number in range(count):
            await publisher.send("department.permits.assignments", b"k", b"%d" % number)
            await publisher.send("department.parks.assignments", b"k", b"%d" % number)

    await tell(2)
    assert await seen(reading) == {}  # no group has ever committed: nobody knows of a program

    program = silent(settings, FileJournal(tmp_path / "journal"))
    await program.start()
    await until(lambda: _is(reading, {"permits": 0}))
    await program.stop()
    await tell(3)
    assert await seen(reading) == {"permits": 3}
    program = silent(settings, FileJournal(tmp_path / "journal"))
    await program.start()
    await until(lambda: _is(reading, {"permits": 0}))
    await program.stop()


async def test_a_group_of_another_name_is_asked_where_the_settings_name_it(
    settings: Settings, reading: Reading, publisher: Publisher
) -> None:
    await publisher.send("department.parks.assignments", b"k", b"x")
    group = f"{settings.topic_prefix}groen-eigen-programma"
    consumer = AIOKafkaConsumer(
        f"{settings.topic_prefix}department.parks.assignments",
        bootstrap_servers=settings.kafka,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    await consumer.getone()
    await consumer.commit()
    await consumer.stop()
    assert await seen(reading) == {}
    named = Reading(settings.model_copy(update={"department_groups": {"parks": group}}), DEPARTMENTS, now)
    assert await seen(named) == {"parks": 0}
    await publisher.send("department.parks.assignments", b"k", b"y")
    assert await seen(named) == {"parks": 1}
    await named.close()


async def test_with_the_broker_away_the_gauge_is_absent_and_the_moment_stays(tmp_path: Path) -> None:
    async with Parts(tmp_path, kafka_port=0, database_port=0) as parts:
        settings = Settings(topic_prefix="o.", kafka=parts.kafka, kafka_timeout=timedelta(seconds=2))
        await topics.ensure(settings, department_topics("permits"))
        reading = Reading(settings, ("permits",), now)
        moments: list[float] = []
        while not moments:
            moments = await asked(reading)
    assert await seen(reading) == {}
    assert await asked(reading) == moments
    await reading.close()


async def _is(reading: Reading, wanted: dict[str, float]) -> bool:
    return await seen(reading) == wanted
