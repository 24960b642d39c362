"""Every metric equals a recount in SQL, whatever was said and whatever passed; counters never fall."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import DateTime, Interval, bindparam, text

from services.ledger.counting import BOUNDS
from services.ledger.intake import Intake
from tests.integration.metrics.recounts import BUCKETS, RECOUNTS
from tests.integration.metrics.town import HOUR, Sample, Town
from tests.integration.timekeeper.clockwork import hours

MORE_THAN_ANY = timedelta(days=36_500)
LE = [*((f"{bound}.0", timedelta(seconds=bound)) for bound in BOUNDS), ("+Inf", MORE_THAN_ANY)]


async def recount(town: Town, name: str, labels: str, query: str, le: timedelta = MORE_THAN_ANY) -> dict[Sample, float]:
    """What the recount finds, as samples; what it finds none of is left out."""
    asked = text(query)
    values: dict[str, Any] = {"now": hours(town.hour), "le": le}
    types = {"now": DateTime(timezone=True), "le": Interval()}
    used = [name for name in types if f":{name}" in query]
    asked = asked.bindparams(*(bindparam(name, values[name], type_=types[name]) for name in used))
    async with town.clockwork.desk.engine.connect() as connection:
        rows = (await connection.execute(asked)).all()
    names = labels.split()
    found = {(name, tuple(sorted(zip(names, row[:-1], strict=True)))): float(row[-1]) for row in rows}
    return {sample: value for sample, value in found.items() if value}


def of(samples: dict[Sample, float], name: str, le: str | None = None) -> dict[Sample, float]:
    """What is served under a name, less what is 0; of one bucket when `le` names it."""
    found = {}
    for (own, labels), value in samples.items():
        if own == name and value and (le is None or ("le", le) in labels):
            found[own, tuple(pair for pair in labels if pair[0] != "le")] = value
    return found


async def check_all(town: Town) -> dict[Sample, float]:
    samples = await town.samples()
    for name, (labels, query) in RECOUNTS.items():
        assert of(samples, name) == pytest.approx(await recount(town, name, labels, query), abs=1e-5), name
    for name, (labels, query) in BUCKETS.items():
        for written, le in LE:
            assert of(samples, name, written) == await recount(town, name, labels, query, le), (name, written)
    return samples


def counters(samples: dict[Sample, float]) -> dict[Sample, float]:
    ends = ("_total", "wait_seconds_bucket", "wait_seconds_count", "wait_seconds_sum")
    return {sample: value for sample, value in samples.items() if sample[0].endswith(ends)}


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


async def test_the_random_life_leaves_no_metric_at_0(town: Town) -> None:
    await town.live(random.Random(1), 160)  # noqa: S311 - as above
    samples = await town.samples()
    empty = {name for name in RECOUNTS if not of(samples, name)}
    assert empty == set()


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
