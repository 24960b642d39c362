"""Who waits how long: every figure counts what still waits, and equals a recount by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from events.catalogue import PREFIX, neighbourhood_topic, signal_type
from events.envelope import structured
from events.identifiers import signal_id
from services.ledger.queries import Wait, waits

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = 3600.0
CONTACT = {"contact": {"role": "clerk", "reach": "desk 4"}}
DONE = {"outcome": "solved", "explanation": "Done"}


async def at(desk: Any, hours: float, **options: Any) -> dict[tuple[str | None, str], Wait]:
    async with desk.engine.connect() as connection:
        found = await waits(connection, START + timedelta(hours=hours), **options)
    return {(wait.department, wait.stage): wait for wait in found}


async def test_an_empty_ledger_has_no_waits(desk):
    assert await at(desk, 1) == {}


async def test_the_share_on_time_counts_who_was_never_answered(desk):
    await desk.take_in(*(desk.signal(id_) for id_ in "abcd"))
    await desk.take_in(desk.answer("1", "acknowledged", "a", seconds=3600.5, **CONTACT))
    await desk.take_in(desk.answer("2", "acknowledged", "b", seconds=10 * HOUR, **CONTACT))
    wait = (await at(desk, 12))["permits", "acknowledge"]
    assert (wait.open, wait.overdue, wait.met, wait.missed, wait.answered) == (2, 2, 1, 1, 2)
    assert wait.share_on_time == 1 / 4
    assert wait.oldest == START
    assert (wait.median_seconds, wait.p90_seconds) == (19_800.25, 32_760.05)


async def test_at_exactly_its_date_nothing_is_overdue(desk):
    await desk.take_in(desk.signal("a"))
    assert (await at(desk, 8))["permits", "acknowledge"].overdue == 0
    late = (await at(desk, 8.001))["permits", "acknowledge"]
    assert (late.overdue, late.share_on_time) == (1, 0)


async def test_what_nobody_answered_and_is_not_late_decides_nothing(desk):
    await desk.take_in(desk.signal("a"))
    wait = (await at(desk, 1))["permits", "resolve"]
    assert (wait.open, wait.met, wait.missed, wait.share_on_time, wait.median_seconds) == (1, 0, 0, None, None)


async def test_a_stage_decided_before_a_hand_over_is_counted_under_the_giver_only(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.answer("1", "handed-over", "a", seconds=50 * HOUR, to="parks", reason="Theirs"))
    found = await at(desk, 51)
    giver, receiver = found["permits", "resolve"], found["parks", "resolve"]
    assert (giver.open, giver.missed, giver.answered) == (0, 1, 0)
    assert (receiver.open, receiver.overdue, receiver.missed, receiver.share_on_time) == (1, 1, 0, None)
    assert receiver.oldest == START
    assert found["parks", "acknowledge"].open == 1
    assert found["permits", "acknowledge"].median_seconds == 50 * HOUR


async def test_the_teams_stage_waits_from_the_moment_it_was_asked(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.answer("1", "resolved", "a", seconds=2 * HOUR, **DONE))
    found = await at(desk, 27)
    wait = found["permits", "confirm"]
    assert (wait.open, wait.overdue, wait.oldest) == (1, 1, START + timedelta(hours=2))
    assert found["permits", "acknowledge"].median_seconds == 2 * HOUR
    resolve = found["permits", "resolve"]
    assert (resolve.open, resolve.met, resolve.answered) == (0, 0, 1)  # met once the team confirms


async def test_waits_are_found_by_department_and_kind_and_in_all(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(desk.answer("1", "handed-over", "a", seconds=HOUR, to="parks", reason="Theirs"))
    assert {department for department, _ in await at(desk, 2, department="parks")} == {"parks"}
    assert await at(desk, 2, kind="phase-changed") == {}
    total = await at(desk, 2, by=())
    assert {department for department, _ in total} == {None}
    assert total[None, "acknowledge"].open == 1


def grievance(desk: Any, id_: str, happened_on: str) -> Any:
    data = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "grievance": "Never dug"}
    event = structured(
        id_=id_,
        source="urn:noord",
        type_=signal_type("grievance-reported"),
        time=START,
        data=data | {"happenedOn": happened_on},
    )
    return desk.record(neighbourhood_topic("grievance-reported"), event)


async def oldest(desk: Any, hours: float, **options: Any) -> dict[str, str]:
    """By stage, the day (in UTC) before the first day of the oldest grievance that still waits for it."""
    async with desk.engine.connect() as connection:
        found = await waits(connection, START + timedelta(hours=hours), **options)
    return {wait.stage: wait.oldest_happened.date().isoformat() for wait in found if wait.oldest_happened}


async def test_old_grievances_wait_since_they_happened(desk):
    await desk.take_in(
        grievance(desk, "a", "1998-02"), grievance(desk, "b", "1998"), grievance(desk, "c", "2001-06-01")
    )
    await desk.take_in(desk.signal("d"))
    assert await oldest(desk, 1) == {"acknowledge": "1997-12-31", "resolve": "1997-12-31"}
    await desk.take_in(desk.answer("1", "acknowledged", "b", seconds=HOUR, **CONTACT))
    assert await oldest(desk, 2) == {"acknowledge": "1998-01-31", "resolve": "1997-12-31"}
    await desk.take_in(desk.answer("2", "resolved", "b", seconds=2 * HOUR, **DONE))
    assert await oldest(desk, 3) == {
        "acknowledge": "1998-01-31",
        "resolve": "1998-01-31",
        "confirm": "1997-12-31",
    }
    assert await oldest(desk, 3, by=()) == await oldest(desk, 3)
    assert await oldest(desk, 3, kind="grievance-reported", department="permits") == await oldest(desk, 3)
    assert await oldest(desk, 3, department="parks") == {}
    assert await oldest(desk, 3, kind="initiative-blocked") == {}


async def test_what_is_closed_does_not_wait_since_it_happened(desk):
    await desk.take_in(grievance(desk, "a", "1998"))
    withdrawn = structured(
        id_="w",
        source="urn:noord",
        type_=f"{PREFIX}.signals.withdrawn.v1",
        time=START,
        data={"signal": str(signal_id("urn:noord", "a")), "by": "worker", "reason": "Told twice"},
    )
    await desk.take_in(desk.record("team.noord.answers", withdrawn, seconds=HOUR))
    assert await oldest(desk, 2) == {}
