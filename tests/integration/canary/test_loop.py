"""The canary on the real loop: it comes round, again and after whatever was away, and nobody passes for it."""

import asyncio
import os
import signal as signals
import uuid
from typing import Any

import psutil
import pytest

from events.envelope import STRUCTURED, STRUCTURED_HEADERS, encode
from services.canary.rounds import UNDER_WAY_MAX
from services.local.parts import Parts
from services.runtime.broker import Publisher
from tests.integration.canary.conftest import ROUNDTRIP, SUCCESS, Loop, until

OPEN = "select count(*) as count from signal where kind = 'canary' and state <> 'closed'"
AWAY_SECONDS = 4
STRUCTURED_MODE = {"content-type": STRUCTURED}


def event(**data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "urn:noord",
        "type": "nl.koikarper.signals.canary.v1",
        "data": {"team": "canary", "neighbourhood": "GM0363", "title": "Kanarie"} | data,
    }


async def nothing_is_left_open(loop: Loop) -> None:
    """Save the one that may be on its way just now."""

    async def closed() -> bool:
        return (await loop.rows(OPEN))[0].count <= 1

    await until(closed)


async def test_it_comes_round_and_its_figures_move_on(loop: Loop) -> None:
    first = await loop.comes_round()
    assert 0 < await loop.served(ROUNDTRIP) < 30
    assert await loop.comes_round() > first
    assert all(check.ok for check in await loop.running["canary"].ready())
    async with loop.client("team:noord") as noord, loop.client("role:operator") as operator:
        for client in (noord, operator):
            for path in ("signals", "assignments", "waits", "precedents"):
                assert (await client.get(f"/v1/{path}")).json()["items"] == []
        for path, key in (("departments", "code"), ("teams", "code"), ("kinds", "kind")):
            assert "canary" not in [item[key] for item in (await operator.get(f"/v1/{path}")).json()["items"]]
        [row, *_] = await loop.rows("select id from signal where kind = 'canary'")
        assert (await operator.get(f"/v1/signals/{row.id}")).status_code == 404
        assert (await operator.get("/v1/signals?kind=canary")).status_code == 400
    assert [tuple(row) for row in await loop.rows("select count(*) from record")] == [(0,)]


@pytest.mark.parametrize("name", ["gateway", "ledger", "relay", "canary"])
async def test_it_comes_round_again_after_a_service_was_away(loop: Loop, name: str) -> None:
    before = await loop.comes_round()
    await loop.stop(name)
    await asyncio.sleep(1.5)
    stood = await loop.served(SUCCESS)
    if name == "gateway":
        [check] = [check for check in await loop.running["canary"].ready() if check.name == "canary sends"]
        assert not check.ok
    await loop.start(name)
    assert await loop.comes_round() > (stood or before)
    await nothing_is_left_open(loop)


@pytest.mark.parametrize("part", ["Kafka", "PostgreSQL"])
async def test_it_comes_round_again_after_a_part_was_frozen(loop: Loop, parts: Parts, part: str) -> None:
    before = await loop.comes_round()
    main = psutil.Process(parts.pids[part])
    frozen = [process.pid for process in (main, *main.children(recursive=True))]
    for pid in frozen:
        os.kill(pid, signals.SIGSTOP)
    try:
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        for pid in frozen:
            os.kill(pid, signals.SIGCONT)
    assert await loop.comes_round() > before + AWAY_SECONDS
    await nothing_is_left_open(loop)


async def test_while_the_loop_stands_still_rounds_do_not_pile_up(loop: Loop) -> None:
    await loop.comes_round()
    await loop.stop("relay")
    canary = loop.running["canary"]

    async def full() -> bool:
        return canary.registry.get_sample_value("koikarper_runtime_canary_under_way") == UNDER_WAY_MAX

    await until(full)
    await asyncio.sleep(1)
    assert (await loop.rows(OPEN))[0].count <= UNDER_WAY_MAX
    await loop.start("relay")
    await loop.comes_round()
    await nothing_is_left_open(loop)


async def test_a_token_that_is_not_its_own_is_said_and_a_new_one_is_taken_up(loop: Loop) -> None:
    await loop.comes_round()
    loop.renew_token("team:noord")
    canary = loop.running["canary"]

    async def refused() -> bool:
        return any("answered 403: team:noord may not send this" in check.detail for check in await canary.ready())

    await until(refused)
    loop.renew_token()
    await loop.comes_round()
    assert all(check.ok for check in await canary.ready())


async def test_a_team_that_sends_its_kind_is_refused_at_the_gateway_and_dead_lettered_from_kafka(loop: Loop) -> None:
    async with loop.client("team:noord") as noord:
        own = await noord.post("/v1/events", json=event(team="noord"), headers=STRUCTURED_MODE)
        other = await noord.post("/v1/events", json=event(), headers=STRUCTURED_MODE)
    assert (own.status_code, other.status_code) == (400, 403)
    assert "the machinery sends this kind to itself" in own.text
    publisher = Publisher(loop.settings)
    await publisher.start()
    for forged in (event(), event(team="noord")):
        await publisher.send("neighbourhood.canary", b"k", encode(forged), STRUCTURED_HEADERS)
    await publisher.stop()

    async def set_apart() -> bool:
        return len(await loop.rows("select nr from dead_letter")) == 2

    await until(set_apart)
    rows = await loop.rows("select reason, message from dead_letter order by reason")
    assert [row.reason for row in rows] == ["forged", "unreadable"]
    assert "is not a source of team canary" in rows[0].message
    await loop.comes_round()


async def test_its_token_sends_nothing_else_and_reads_nothing(loop: Loop) -> None:
    body = {"team": "canary", "neighbourhood": "GM0363", "title": "Koi", "phase": "sweet"}
    raw = event() | {"type": "nl.koikarper.signals.phase-changed.v1", "data": body}
    async with loop.client("team:canary") as client:
        answer = await client.post("/v1/events", json=raw, headers=STRUCTURED_MODE)
        assert answer.status_code == 400
        assert "there is no team 'canary'" in answer.text
        assert (await client.get("/v1/signals")).json()["items"] == []
