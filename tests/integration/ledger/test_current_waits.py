"""The waits that are kept between two looks are at every moment those that a whole count finds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from events.catalogue import PREFIX
from events.envelope import structured
from events.identifiers import signal_id
from services.ledger.current_waits import AGE_SECONDS_MAX, CurrentWaits
from services.ledger.queries import Wait, waits
from tests.integration.ledger.test_waits import grievance

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = 3600.0
CONTACT = {"contact": {"role": "clerk", "reach": "desk 4"}}
DONE = {"outcome": "solved", "explanation": "Done"}


def team(desk: Any, id_: str, verb: str, of: str, hours: float, **data: Any) -> Any:
    own = {"signal": str(signal_id("urn:noord", of)), "by": "worker"}
    type_ = f"{PREFIX}.signals.{verb}.v1"
    event = structured(id_=id_, source="urn:noord", type_=type_, time=START, data=own | data)
    return desk.record("team.noord.answers", event, seconds=hours * HOUR)


async def both(desk: Any, kept: CurrentWaits, hours: float, **options: Any) -> tuple[list[Wait], list[Wait]]:
    """Of all departments: as they are kept, and counted whole; in one order."""
    now = START + timedelta(hours=hours)
    async with desk.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        found = await kept.of(connection, now, await kept.departments(connection), **options)
        stage = options.pop("stage", None)
        whole = [wait for wait in await waits(connection, now, **options) if stage in (None, wait.stage)]
    return _sorted(found), _sorted(whole)


def _sorted(found: list[Wait]) -> list[Wait]:
    return sorted(found, key=lambda wait: (str(wait.department), str(wait.kind), wait.stage))


async def test_in_a_whole_life_what_is_kept_equals_a_whole_count(desk):
    kept = CurrentWaits()
    handed = {"to": "parks", "reason": "Theirs"}
    steps: list[tuple[float, Any]] = [
        (1, lambda: [desk.signal(id_) for id_ in "abcde"]),
        (2, lambda: [desk.answer("1", "acknowledged", "a", seconds=2 * HOUR, **CONTACT)]),
        (3, lambda: [desk.answer("2", "handed-over", "b", seconds=3 * HOUR, **handed)]),
        (10, lambda: [desk.answer("3", "acknowledged", "c", seconds=10 * HOUR, **CONTACT)]),
        (11, lambda: [desk.answer("4", "resolved", "a", seconds=11 * HOUR, **DONE)]),
        (12, lambda: [team(desk, "5", "contested", "a", 12, reason="It is not")]),
        (13, lambda: [desk.answer("6", "resolved", "a", seconds=13 * HOUR, **DONE)]),
        (14, lambda: [team(desk, "7", "confirmed", "a", 14)]),
        (15, lambda: [team(desk, "8", "withdrawn", "d", 15, reason="No need")]),
        (60, lambda: [desk.answer("9", "resolved", "c", seconds=60 * HOUR, **DONE)]),
        (200, lambda: [team(desk, "10", "contested", "c", 200, reason="Nobody asked")]),
        (201, lambda: [desk.answer("11", "resolved", "e", seconds=201 * HOUR, **DONE)]),
    ]
    for hours, said in steps:
        await desk.take_in(*said())
        found, whole = await both(desk, kept, hours)
        assert found == whole, hours
        assert found
    for options in ({"kind": "initiative-blocked"}, {"stage": "confirm"}, {"kind": "phase-changed"}):
        found, whole = await both(desk, kept, 202, **options)
        assert found == whole
    assert {wait.department for wait in (await both(desk, kept, 202))[0]} == {"parks", "permits"}


async def test_what_is_kept_is_asked_for_again_when_it_is_old(desk):
    seconds = [0.0]
    kept = CurrentWaits(seconds=lambda: seconds[0])
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.answer("1", "acknowledged", "a", seconds=HOUR, **CONTACT))
    await both(desk, kept, 2)
    async with desk.engine.begin() as connection:  # as an operator who mends a row by hand
        await connection.execute(text("update assignment set acknowledge = 'missed'"))
    found, whole = await both(desk, kept, 2)
    assert found != whole
    seconds[0] += AGE_SECONDS_MAX
    found, whole = await both(desk, kept, 2)
    assert found == whole


@pytest.mark.parametrize("stage", ["acknowledge", "resolve", "confirm"])
async def test_of_one_stage_the_oldest_grievance_is_that_of_a_whole_count(desk, stage):
    kept = CurrentWaits()
    await desk.take_in(*(grievance(desk, id_, f"{year}") for id_, year in zip("abc", (1998, 2001, 2005), strict=True)))
    await desk.take_in(desk.answer("1", "acknowledged", "b", seconds=HOUR, **CONTACT))
    await desk.take_in(desk.answer("2", "resolved", "c", seconds=HOUR, **DONE))
    found, whole = await both(desk, kept, 2, stage=stage)
    assert found == whole
    assert [wait.oldest_happened is not None for wait in found if wait.kind == "grievance-reported"] == [True]


async def test_an_empty_ledger_has_no_departments(desk):
    assert await both(desk, CurrentWaits(), 1) == ([], [])
