"""The canary is in no figure about people, whatever becomes of it; and two figures tell when it last came round."""

import random

from services.ledger import queries, redelivery
from services.ledger.queries import AssignmentFilter, Scope, SignalFilter
from services.ledger.single_waits import single_waits
from services.metrics.definitions import (
    CANARY_LAST_SUCCESS,
    CANARY_ROUNDTRIP,
    DATABASE_SIZE,
    OUTBOX_OLDEST,
    OUTBOX_ROWS,
)
from tests.integration.ledger.canary import go_round, report, resolve
from tests.integration.metrics.recount import differences
from tests.integration.metrics.town import HOUR, Town
from tests.integration.timekeeper.clockwork import hours

MACHINERY = {item.name for item in (CANARY_LAST_SUCCESS, CANARY_ROUNDTRIP, DATABASE_SIZE, OUTBOX_ROWS, OUTBOX_OLDEST)}


async def of_people(town: Town) -> dict:
    """Every sample of the exporter that is not about the machinery."""
    samples = await town.samples()
    return {
        (name, labels): value
        for (name, labels), value in samples.items()
        if name not in MACHINERY and not any("canary" in value for label, value in labels if label == "topic")
    }


async def lists(town: Town, at: float) -> list:
    """Everything that somebody can ask the ledger about people."""
    async with town.clockwork.desk.engine.connect() as connection:
        return [
            await queries.signals(connection, Scope(), SignalFilter(), None, 1000),
            await queries.signals(connection, Scope(team="canary"), SignalFilter(), None, 1000),
            await queries.assignments(connection, Scope(), AssignmentFilter(), None, 1000),
            await queries.assignments(connection, Scope(department="canary"), AssignmentFilter(), None, 1000),
            await queries.waits(connection, hours(at)),
            await queries.waits(connection, hours(at), by=()),
            await queries.precedents(connection, None, None, None, 1000),
            sorted(map(str, await single_waits(connection, hours(at)))),
            await redelivery.count(connection),
            await redelivery.departments(connection),
        ]


async def test_every_figure_and_every_list_is_the_same_with_and_without_it(town: Town) -> None:
    await town.live(random.Random(7), 60)  # noqa: S311 - a seed
    before, listed = await of_people(town), await lists(town, town.hour)
    desk, seconds = town.clockwork.desk, town.hour * HOUR
    await go_round(desk, "round", seconds=seconds)
    await desk.take_in(report(desk, "open", seconds=seconds + 10))
    await desk.take_in(report(desk, "asked", seconds=seconds + 20))
    await desk.take_in(resolve(desk, "asked", seconds=seconds + 21))
    assert await of_people(town) == before
    assert await lists(town, town.hour) == listed
    assert await differences(desk.engine, await town.samples(), hours(town.hour)) == []


async def test_nobody_is_reminded_called_or_told_that_it_is_late(town: Town) -> None:
    desk = town.clockwork.desk
    await desk.take_in(report(desk, "open", seconds=0))
    await desk.take_in(report(desk, "asked", seconds=0))
    await desk.take_in(resolve(desk, "asked", seconds=1))
    before = await desk.outbox()
    await town.clockwork.passes(10 * 365 * 24)
    assert await desk.outbox() == before


async def test_it_tells_when_it_last_came_round_and_how_long_that_took(town: Town) -> None:
    desk = town.clockwork.desk
    assert await town.values(CANARY_LAST_SUCCESS.name) is None
    await desk.take_in(report(desk, "stuck", seconds=0))
    assert await town.values(CANARY_ROUNDTRIP.name) is None
    await go_round(desk, "one", seconds=60, takes=3)
    assert await town.values(CANARY_ROUNDTRIP.name) == 3
    assert await town.values(CANARY_LAST_SUCCESS.name) == hours(0).timestamp() + 63
    await go_round(desk, "two", seconds=7200, takes=5)
    assert await town.values(CANARY_ROUNDTRIP.name) == 5
    assert await town.values(CANARY_LAST_SUCCESS.name) == hours(0).timestamp() + 7205
