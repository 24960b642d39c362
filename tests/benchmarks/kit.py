"""The department's kit with its own journal, beside a bare consumer that parses the same events and keeps nothing."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # as above
from aiokafka.errors import GroupCoordinatorNotAvailableError  # type: ignore[import-untyped]  # as above

from events.catalogue import CATALOGUE, department_assignments
from events.envelope import OUTCOME_SIZE_MAX, STRUCTURED_HEADERS, read_message
from events.reading import parse
from services.local.parts import Parts
from services.runtime.options import FETCH_BYTES_MAX, MESSAGE_BYTES_MAX, connection
from services.runtime.publisher import Message, Publisher
from services.runtime.settings import Settings
from tests.benchmarks.figures import Ratio
from tests.benchmarks.memory import settle
from tests.benchmarks.mixture import TOWN
from tests.benchmarks.outbox import Sent, keep
from tests.benchmarks.running import prepare, process, town, variables

COUNT, QUICK_COUNT = 20_000, 8_000
"""Events of the mixture; nine of ten become an assignment."""
TOPIC = department_assignments("permits")
PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.01


async def ratios(folder: Path, rounds: int, *, quick: bool) -> list[Ratio]:
    """Events per second of the kit against those of the bare consumer; every round measures both."""
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        settings = town(parts, folder / "town", TOWN, log_level="error")
        await prepare(settings)
        rows = [row for row in await keep(settings, QUICK_COUNT if quick else COUNT) if row.topic == TOPIC]
        measured = []
        for number in range(rounds):
            first = await _tell(settings, rows, number)
            ours = await kit_rate(settings, folder / f"journal{number}", first, len(rows))
            measured.append((ours, await bare_rate(settings, first, len(rows))))
    ours, bares = zip(*measured, strict=True)
    return [Ratio("department kit, reading, of a bare consumer", ours, bares, 0.80, "events/s")]


async def kit_rate(settings: Settings, journal: Path, first: int, count: int) -> float:
    """Events per second that a department's program takes in: noted and committed. The first quarter is not counted."""
    arguments = [sys.executable, "-m", "tests.benchmarks.kit_program", str(journal)]
    async with process(arguments, variables(settings)), asyncio.timeout(PATIENCE_SECONDS):
        warm = await _committed(settings, first + count // 4)
        begun = time.perf_counter()
        last = await _committed(settings, first + count)
        seconds = time.perf_counter() - begun
    taken_in = len(set((journal / "handled.jsonl").read_text().splitlines()))
    if (taken_in, last) != (count, first + count):
        raise RuntimeError(f"the kit took in {taken_in} of {count} events")
    return (last - warm) / seconds


async def bare_rate(settings: Settings, first: int, count: int) -> float:
    """Events per second of a consumer that reads the same records as often and parses them as the kit does."""
    consumer = AIOKafkaConsumer(
        **connection(settings, "bare"),
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES_MAX,
        max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
    )
    await consumer.start()
    place = TopicPartition(settings.topic_prefix + TOPIC, 0)
    consumer.assign([place])
    consumer.seek(place, first)
    settle()
    begun, warm, done = 0.0, 0, 0
    while done < count:
        found = await consumer.getmany(timeout_ms=20, max_records=settings.batch_records)
        for record in found.get(place, ()):
            parse(read_message(record.headers, record.value, size_max=OUTCOME_SIZE_MAX), strict=False, table=CATALOGUE)
            done += 1
        if not begun and done >= count // 4:
            begun, warm = time.perf_counter(), done
    seconds = time.perf_counter() - begun
    await consumer.stop()
    return (count - warm) / seconds


async def _tell(settings: Settings, rows: Sequence[Sent], number: int) -> int:
    """Put the events on the topic; the offset of the first."""
    publisher = Publisher(settings, client="bench")
    await publisher.start()
    outcomes = await publisher.send_all([Message(row.topic, row.key, row.value, STRUCTURED_HEADERS) for row in rows])
    await publisher.stop()
    if any(outcomes):
        raise RuntimeError(f"not all events could be sent: {next(filter(None, outcomes))}")
    return number * len(rows)


async def _committed(settings: Settings, offset: int) -> int:
    """Wait until the department's group committed at least `offset`; what it then had committed."""
    group, place = f"{settings.topic_prefix}department-permits", TopicPartition(settings.topic_prefix + TOPIC, 0)
    admin = AIOKafkaAdminClient(**connection(settings, "bench"))
    await admin.start()
    try:
        while (found := await _offset(admin, group, place)) < offset:  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(PAUSE_SECONDS)
        return found
    finally:
        await admin.close()


async def _offset(admin: AIOKafkaAdminClient, group: str, place: TopicPartition) -> int:
    """What the group committed; 0 before there is one."""
    try:
        found = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return 0
    return int(found[place].offset) if place in found else 0
