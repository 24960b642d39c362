"""Every metric equals a recount in SQL, whatever was said and whatever passed; counters never fall."""

import asyncio
import random

import pytest
from sqlalchemy import text

from services.ledger.intake import Intake
from services.metrics.definitions import DEFINITIONS
from tests.integration.metrics.recount import Sample, counters, differences, of
from tests.integration.metrics.recounts import BUCKETS, RECOUNTS
from tests.integration.metrics.town import HOUR, Town
from tests.integration.timekeeper.clockwork import hours

NEVER_YET = {"koikarper_patterns_open"}
"""What nothing in the ledger can raise yet."""


async def check_all(town: Town) -> dict[Sample, float]:
    samples = await town.samples()
    assert await differences(town.clockwork.desk.engine, samples, hours(town.hour)) == []
    return samples


def test_no_metric_is_left_out_of_the_recount() -> None:
    ends = ("", "_bucket", "_count", "_sum", "_gcount", "_gsum")
    asked = {definition.name: definition.type for definition in DEFINITIONS}
    wanted = {"histogram": ends[1:4], "gaugehistogram": (ends[1], *ends[4:])}
    names = {name + end for name, type_ in asked.items() for end in wanted.get(type_, ("",))}
    assert names == {*RECOUNTS, *BUCKETS}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_any_life_every_metric_equals_its_recount_and_no_counter_fell(town: Town, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed makes the life repeatable
    before = counters(await check_all(town))
    for _ in range(4):
        await town.live(chance, 40)
        after = counters(await check_all(town))
        assert {sample: value for sample, value in before.items() if after[sample] < value} == {}
        assert after.keys() == before.keys()  # nothing ever occurs that did not stand at 0 before
        before = after
    await town.clockwork.passes(town.hour + 500)
    town.hour += 500
    await check_all(town)


async def test_a_counter_that_is_wrong_by_one_is_found(town: Town) -> None:
    desk = town.clockwork.desk
    await desk.take_in(desk.signal("a"))
    await town.clockwork.passes(0)
    await check_all(town)
    async with desk.engine.begin() as connection:
        await connection.execute(text("update counter set value = value + 1 where name = 'signals'"))
    (told,) = await differences(desk.engine, await town.samples(), hours(town.hour))
    assert told == "koikarper_signals_total {'kind': 'initiative-blocked'}: served 2, recounted 1.0"


async def test_the_random_life_leaves_no_metric_at_0(town: Town) -> None:
    await town.live(random.Random(1), 160)  # noqa: S311 - as above
    samples = await town.samples()
    empty = {name for name in RECOUNTS if not of(samples, name)}
    assert empty == NEVER_YET


async def test_the_first_signal_of_a_kind_is_an_increase_of_a_series_that_was_there(town: Town) -> None:
    desk = town.clockwork.desk
    assert await town.values("koikarper_signals_total", kind="initiative-blocked") == 0
    labels = {"department": "permits", "answer": "acknowledged"}
    assert await town.values("koikarper_answers_total", **labels) == 0
    await desk.take_in(desk.signal("a"))
    contact = {"role": "clerk", "reach": "14 020"}
    await desk.take_in(desk.answer("b", "acknowledged", "a", seconds=HOUR, contact=contact))
    assert await town.values("koikarper_signals_total", kind="initiative-blocked") == 1
    assert await town.values("koikarper_answers_total", **labels) == 1


async def test_what_is_delivered_again_is_not_counted_again(town: Town) -> None:
    desk = town.clockwork.desk
    records = [desk.signal("a"), desk.record("department.parks.answers", b"\xff")]
    await desk.take_in(*records)
    counted = counters(await town.samples())
    await desk.take_in(*records)
    await desk.take_in(desk.signal("a", seconds=5))
    assert counters(await town.samples()) == counted


async def test_workers_that_count_the_same_at_once_lose_nothing(town: Town) -> None:
    desk = town.clockwork.desk
    workers = [Intake(desk.engine, desk.intake.books, owner=f"worker {number}") for number in range(4)]
    for number, worker in enumerate(workers):
        await desk.positions.take_over([("neighbourhood.initiative-blocked", number)], worker.owner)

    async def work(number: int) -> None:
        for count in range(10):
            await workers[number].work([desk.signal(f"{number}-{count}", partition=number)])

    await asyncio.gather(*(work(number) for number in range(len(workers))))
    assert await town.values("koikarper_signals_total", kind="initiative-blocked") == 40
