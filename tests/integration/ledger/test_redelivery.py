"""What is told again of an open assignment is what was told first, byte for byte, whatever has happened since."""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.agreements.loading import parse
from services.ledger import redelivery
from services.ledger.books import LedgerBooks
from services.ledger.intake import Intake
from services.runtime.settings import Settings
from tests.integration.ledger.desk import TOWN, Desk, at_desk
from tests.integration.metrics.town import Town, at_town

LENIENT = TOWN.replace("extensions: 0", "extensions: 1, extension: 4 weeks")
ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}
ODD = {"colour": ["é\u2028", 1e15, -0.0, 12345678901234567890, 0.1, {"b": None, "a": "\\"}]}


@pytest_asyncio.fixture
async def lenient(settings: Settings) -> AsyncIterator[Desk]:
    async with at_desk(settings, LENIENT) as desk:
        yield desk


@pytest_asyncio.fixture
async def town(settings: Settings, tmp_path: Path) -> AsyncIterator[Town]:
    async with at_town(settings, tmp_path) as town:
        yield town


async def told(desk: Desk, since: int = 0) -> list[tuple[str, bytes, bytes]]:
    """Topic, key and value of the assignments that departments were told of."""
    rows = await desk.rows("select topic, key, value, signal from outbox where seq > :since order by seq", since=since)
    found = [row for row in rows if row.topic.endswith(".assignments") and b"assignments.assigned.v1" in row.value]
    assert all(row.signal is not None for row in found)
    return [(row.topic, row.key, row.value) for row in found]


async def last(desk: Desk) -> int:
    return int((await desk.rows("select coalesce(max(seq), 0) as seq from outbox"))[0].seq)


async def redelivered(desk: Desk, *only: str) -> list[tuple[str, bytes, bytes]]:
    before = await last(desk)
    after: Any = redelivery.FIRST
    sources: dict[str, str] = {}
    while after is not None:
        async with desk.engine.begin() as connection:
            after, _ = await redelivery.redeliver(connection, sources, after, only)
    return await told(desk, before)


async def test_an_open_assignment_is_told_again_to_its_department_only(desk: Desk) -> None:
    await desk.take_in(desk.signal("a", **ODD), desk.signal("b"))
    first = await told(desk)
    before = await last(desk)
    assert sorted(await redelivered(desk)) == sorted(first)
    assert [row.topic for row in await desk.rows("select topic from outbox where seq > :seq", seq=before)] == [
        "department.permits.assignments",
        "department.permits.assignments",
    ]


async def test_it_is_the_same_after_an_extension_and_a_hand_over(lenient: Desk) -> None:
    desk = lenient
    until = "2026-03-05T09:00:00Z"
    await desk.take_in(desk.signal("a", departments=["parks"], **ODD))
    say = desk.answer
    await desk.take_in(say("1", "extended", "a", seconds=10, until=until, reason="a report is needed"))
    own = {"of": "a", "department": "permits"}
    await desk.take_in(say("2", "handed-over", seconds=20, to="parks", reason="it is theirs", **own))  # merges
    [row] = await desk.rows("select department from assignment where state in ('waiting', 'acknowledged')")
    assert row.department == "parks"
    await desk.take_in(desk.signal("b"))
    await desk.take_in(say("3", "extended", "b", seconds=10, until=until, reason="a report is needed"))
    await desk.take_in(say("4", "handed-over", "b", seconds=20, to="parks", reason="it is theirs"))
    first = await told(desk)
    again = await redelivered(desk)
    assert sorted(again) == sorted(one for one in first if one[0] == "department.parks.assignments")
    [moved] = [json.loads(value)["data"] for _, _, value in again if b"handedOverFrom" in value]
    assert moved["resolveBy"].startswith("2026-03-05T09:00:00")


async def test_it_is_the_same_under_other_agreements_than_those_it_was_made_under(desk: Desk) -> None:
    await desk.take_in(desk.signal("a"))
    first = await told(desk)
    other = parse(TOWN.replace("00000099000000001000", "00000099000000002000").replace("48 hours", "12 hours"))
    books = LedgerBooks(desk.engine, other)
    await books.open()
    await Intake(desk.engine, books, owner="one").work([desk.signal("b")])
    both = await told(desk)
    assert set(first) < set(both)
    assert set(await redelivered(desk)) == set(both)
    assert len({json.loads(value)["source"] for _, _, value in both}) == 2


async def test_only_the_departments_that_are_named_and_only_what_is_open(desk: Desk) -> None:
    await desk.take_in(desk.signal("a", departments=["parks"]), desk.signal("b"))
    await desk.take_in(desk.answer("c", "resolved", "b", seconds=5, outcome="solved", explanation="done"))
    assert [topic for topic, _, _ in await redelivered(desk, "parks")] == ["department.parks.assignments"]
    assert len(await redelivered(desk)) == 2
    async with desk.engine.connect() as connection:
        counts = {row.department: row.open for row in await redelivery.count(connection)}
        assert counts == {"parks": 1, "permits": 1}
        assert await redelivery.departments(connection) == {"parks", "permits"}


async def test_more_signals_than_go_into_one_transaction_are_all_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "SIGNALS", 2)
    await desk.take_in(*(desk.signal(str(number)) for number in range(5)))
    first = await told(desk)
    assert sorted(await redelivered(desk)) == sorted(first)


@pytest.mark.parametrize("seed", [2, 4])
async def test_after_any_life_what_is_told_again_is_what_was_told_first(town: Town, seed: int) -> None:
    await town.live(random.Random(seed), 200)  # noqa: S311 - a seed makes the life repeatable
    desk = town.clockwork.desk
    first = set(await told(desk))
    again = await redelivered(desk)
    assert len(again) > 5
    assert set(again) <= first
    rows = await desk.rows("select id from assignment where state in ('waiting', 'acknowledged')")
    assert {json.loads(value)["data"]["assignment"] for _, _, value in again} == {str(row.id) for row in rows}
    assert len(again) == len(rows)
    since = await desk.rows(
        "select count(*) filter (where extensions > 0) as extended, count(*) filter (where contested > 0) as contested,"
        " count(handed_over_from) as moved from assignment where state in ('waiting', 'acknowledged')"
    )
    assert min(since[0]) > 0  # the life had what could change the bytes
