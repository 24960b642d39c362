"""Read until: what is idle is read to its end all the same, and nothing is claimed that was not seen."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from services.ledger.watching import Watching
from services.runtime.clock import now
from services.runtime.consumer import Position
from tests.integration.ledger.desk import SIGNALS, START, Desk

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANSWERS = "department.permits.answers"
IDLE, OTHER = (ANSWERS, 0), (ANSWERS, 1)


def noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@dataclass
class Worker:
    """A consumer of which the test says how far it has read."""

    owner: str = "one"
    positions: dict[tuple[str, int], Position] = field(default_factory=dict)

    def rejoin(self) -> None:
        raise AssertionError("its partitions are its own")

    async def read_positions(self) -> dict[tuple[str, int], Position]:
        return self.positions


@dataclass
class Bench:
    desk: Desk
    worker: Worker
    watching: Watching

    async def sees(self, polled: datetime | None, next_offset: int | None = 0, place: tuple[str, int] = IDLE) -> bool:
        self.worker.positions = {place: Position(next_offset, polled)}
        return await self.watching.look()

    async def read_until(self, place: tuple[str, int] = IDLE) -> datetime | None:
        topic, partition = place
        query = "select read_until from reading where topic = :topic and partition = :partition"
        rows = await self.desk.rows(query, topic=topic, partition=partition)
        return rows[0].read_until if rows else None


@pytest.fixture
async def bench(desk: Desk) -> Bench:
    await desk.positions.take_over([IDLE], "one")
    worker = Worker()
    return Bench(desk, worker, Watching(desk.engine, worker, timedelta(seconds=1)))


async def test_a_partition_that_is_taken_over_was_read_until_no_moment(bench: Bench) -> None:
    assert len(await bench.desk.rows("select * from reading")) == 1
    assert await bench.read_until() is None


async def test_an_idle_partition_is_read_until_the_poll_before_the_last(bench: Bench) -> None:
    await bench.sees(noon(0))
    assert await bench.read_until() is None
    await bench.sees(noon(1))
    assert await bench.read_until() == noon(0)
    await bench.sees(noon(2))
    assert await bench.read_until() == noon(1)


async def test_a_poll_answered_before_a_pause_of_the_process_and_read_after_it_says_nothing(bench: Bench) -> None:
    await bench.sees(noon(0))
    await bench.sees(noon(1))
    await bench.sees(noon(3600))  # the machine was suspended: this answer is from before
    assert await bench.read_until() == noon(1)


async def test_a_broker_that_hangs_moves_nothing(bench: Bench) -> None:
    await bench.sees(noon(0))
    for _ in range(3):
        await bench.sees(noon(1))
    assert await bench.read_until() == noon(0)


async def test_a_worker_whose_clock_was_put_forward_claims_no_more_than_the_databases_clock_has_seen(
    desk: Desk,
) -> None:
    await desk.positions.take_over([IDLE], "one")
    hour = timedelta(hours=1)
    bench = Bench(
        desk, worker := Worker(), Watching(desk.engine, worker, timedelta(seconds=1), clock=lambda: now() + hour)
    )
    before = now()
    await bench.sees(before + hour)
    await bench.sees(now() + hour)
    until = await bench.read_until()
    assert until is not None
    assert before - timedelta(seconds=10) < until <= now()  # the poll's true moment, or what the question took earlier


async def test_a_poll_of_a_clock_that_was_put_back_since_says_nothing(bench: Bench) -> None:
    hour = timedelta(hours=1)
    await bench.sees(now() + hour)
    await bench.sees(now() + hour + timedelta(seconds=1))
    assert await bench.read_until() is None


async def test_it_never_goes_back(bench: Bench) -> None:
    await bench.sees(noon(10))
    await bench.sees(noon(11))
    for second in (2, 3, 4):
        await bench.sees(noon(second))
    assert await bench.read_until() == noon(10)


async def test_the_partition_of_another_worker_is_left_alone(bench: Bench) -> None:
    await bench.desk.positions.take_over([IDLE], "two")
    await bench.sees(noon(0))
    await bench.sees(noon(1))
    assert await bench.read_until() is None


async def test_what_moved_on_since_the_look_is_left_alone(bench: Bench) -> None:
    await bench.desk.take_in(bench.desk.record(ANSWERS, b"no json"))
    assert await bench.read_until() == START
    await bench.sees(noon(0), next_offset=0)
    await bench.sees(noon(1), next_offset=0)
    assert await bench.read_until() == START
    await bench.sees(noon(2), next_offset=1)
    assert await bench.read_until() == noon(1)


async def test_records_that_the_broker_deleted_by_age_are_not_waited_for(bench: Bench) -> None:
    await bench.sees(noon(0), next_offset=500)
    await bench.sees(noon(1), next_offset=500)
    assert await bench.read_until() == noon(0)


async def test_a_partition_without_a_row_gets_none(bench: Bench) -> None:
    await bench.sees(noon(0), place=OTHER)
    await bench.sees(noon(1), place=OTHER)
    assert len(await bench.desk.rows("select * from reading")) == 1


async def test_a_batch_at_work_is_seen_as_such(bench: Bench) -> None:
    assert not await bench.sees(None, next_offset=3)
    assert await bench.sees(noon(0), next_offset=3)


async def test_a_look_waits_for_no_batch_and_no_batch_for_a_look(bench: Bench) -> None:
    places = [(SIGNALS, number) for number in range(6)]
    await bench.desk.positions.take_over(places, "one")
    async with bench.desk.engine.begin() as connection:
        await connection.exec_driver_sql("select * from reading where partition = 3 for update")
        for second in range(2):
            bench.worker.positions = {place: Position(0, noon(second)) for place in places}
            await bench.watching.look()
    assert await bench.read_until((SIGNALS, 2)) == noon(0)
    assert await bench.read_until((SIGNALS, 3)) is None
