"""What is looked at beside the ledger: known or absent, never a made-up figure, and no harm to the rest."""

import asyncio
import logging
import os
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from prometheus_client.core import GaugeMetricFamily

from services.metrics.beside import Beside
from services.metrics.disks import Disks
from services.metrics.reading import group_of, unread
from services.runtime.settings import Settings

FIRST, SECOND = TopicPartition("department.permits.assignments", 0), TopicPartition("department.permits.assignments", 1)
NEVER = -1


@pytest.mark.parametrize(
    ("committed", "count"),
    [
        ({FIRST: 10, SECOND: 5}, 0),
        ({FIRST: 7, SECOND: 5}, 3),
        ({FIRST: 10, SECOND: NEVER}, 3),  # reads the second from its first record, at offset 2
        ({FIRST: NEVER, SECOND: NEVER}, None),
        ({}, None),
        ({FIRST: 11, SECOND: 5}, 0),  # committed just after the end was asked
        ({FIRST: 10, SECOND: 1}, 3),  # what was deleted by age does not lie there to be read
    ],
)
def test_unread_is_what_lies_after_the_commit_and_unknown_while_nothing_was_ever_committed(
    committed: dict[TopicPartition, int], count: int | None
) -> None:
    assert unread(committed, {FIRST: 0, SECOND: 2}, {FIRST: 10, SECOND: 5}) == count


def test_a_program_reads_in_the_kits_group_unless_the_settings_name_its_own() -> None:
    settings = Settings(topic_prefix="t.", department_groups={"parks": "groen-eigen-programma"})
    assert group_of(settings, "permits") == "t.department-permits"
    assert group_of(settings, "parks") == "groen-eigen-programma"


async def test_a_disk_tells_its_room_as_df_does_and_one_that_is_not_there_is_absent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disks = Disks({"kafka": tmp_path, "postgresql": tmp_path / "gone"})
    with caplog.at_level(logging.WARNING):
        free, size = await disks.look()
        await disks.look()
    found = os.statvfs(tmp_path)
    assert [(one.labels, one.value) for one in size.samples] == [({"part": "kafka"}, found.f_blocks * found.f_frsize)]
    assert [one.labels for one in free.samples] == [{"part": "kafka"}]
    assert 0 < free.samples[0].value <= size.samples[0].value
    assert len(caplog.records) == 1  # told once, not every 15 s


async def test_a_look_that_fails_shows_nothing_and_the_next_one_shows_again() -> None:
    answers = iter([1, None, 2])

    async def look() -> list[GaugeMetricFamily]:
        answer = next(answers)
        if answer is None:
            raise RuntimeError("broken")
        family = GaugeMetricFamily("koikarper_thing", "Thing.")
        family.add_metric((), answer)
        return [family]

    beside = Beside("things", look, 60)
    seen = []
    for _ in range(3):
        await beside.look()
        seen.append([sample.value for family in beside.collector.collect() for sample in family.samples])
    assert seen == [[1], [], [2]]


async def test_a_look_that_hangs_can_be_stopped() -> None:
    async def look() -> list[GaugeMetricFamily]:
        await asyncio.Event().wait()
        return []

    beside = Beside("things", look, 60)
    beside.start()
    await asyncio.sleep(0)
    await beside.stop()
    assert list(beside.collector.collect()) == []
