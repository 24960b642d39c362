"""A horizon that stands still is told once, and again every few minutes, with what holds it."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.timekeeper.horizon import Horizon
from services.timekeeper.metrics import Metrics
from services.timekeeper.stalling import AGAIN_SECONDS, Stalling

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PARKS = ("department.parks.answers", 0)


@dataclass
class Watch:
    """A stalling watch on a clock that the test turns."""

    seconds: float = 0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.stalling = Stalling(timedelta(seconds=60), Metrics(self.registry), lambda: self.seconds)

    def at(self, seconds: float, moment: datetime | None = NOON, *held_by: tuple[str, int]) -> None:
        self.seconds = seconds
        self.stalling.note(Horizon(moment, held_by or (PARKS,)))

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"koikarper_runtime_timekeeper_{name}")


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Watch:
    caplog.set_level(logging.INFO)
    return Watch()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_horizon_that_moves_is_no_news(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    for minute in range(20):
        watch.at(minute * 60, NOON + timedelta(minutes=minute))
    assert warnings(caplog) == []
    assert watch.metric("horizon_stalled") == 0
    assert watch.metric("horizon_timestamp_seconds") == (NOON + timedelta(minutes=19)).timestamp()


def test_one_that_stands_still_is_told_once_and_names_the_partition(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(0, 200, 10):
        watch.at(second)
    [line] = warnings(caplog)
    assert "department.parks.answers/0" in line
    assert "nobody is accused" in line
    assert watch.metric("horizon_stalled") == 1
    assert watch.metric("horizon_holding_partitions") == 1
    assert "department.parks.answers/0" in watch.stalling.detail


def test_it_is_told_again_every_few_minutes(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    for second in range(0, int(61 + 2 * AGAIN_SECONDS) + 10, 5):
        watch.at(second)
    assert len(warnings(caplog)) == 3


def test_a_partition_that_was_never_read_is_told_as_such(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.at(0, None)
    watch.at(61, None)
    assert "never read" in warnings(caplog)[0]
    assert watch.metric("horizon_timestamp_seconds") == 0


def test_many_partitions_are_counted_rather_than_listed(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    places = [("neighbourhood.phase-changed", number) for number in range(9)]
    watch.at(0, NOON, *places)
    watch.at(61, NOON, *places)
    assert "and 4 more" in warnings(caplog)[0]


def test_when_it_moves_again_all_is_well(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.at(0)
    watch.at(61)
    watch.at(70, NOON + timedelta(seconds=70))
    assert watch.metric("horizon_stalled") == 0
    assert watch.stalling.detail == ""
    assert "passes again" in caplog.records[-1].getMessage()
    watch.at(140, NOON + timedelta(seconds=70))
    assert len(warnings(caplog)) == 2
