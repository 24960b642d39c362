"""What is answered when the broker, the database or the keys are away."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.gateway import app as gateway
from services.runtime.errors import KoikarperError
from services.runtime.settings import Settings


def closed_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


@asynccontextmanager
async def another(town: Any, **changes: Any) -> AsyncIterator[Any]:
    """A second gateway of the same town, with other settings."""
    settings = Settings(**(dict(town.settings) | changes))
    service = gateway.build(settings)
    await service.start()
    try:
        yield type(town)(service.url, settings, town.issuer)
    finally:
        await service.stop()


async def test_without_its_broker_an_event_gets_503_soon_and_reads_go_on(town):
    async with another(town, kafka=f"127.0.0.1:{closed_port()}") as lonely:
        began = time.monotonic()
        answer = await lonely.send("team:noord", town.event())
        assert time.monotonic() - began < 10
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await lonely.get("team:noord", "/v1/signals")).status_code == 200
        ready = await lonely.get(None, "/health/ready")
        assert ready.status_code == 503
        assert (await lonely.get(None, "/health/live")).status_code == 200


async def test_without_the_database_an_event_is_accepted_and_a_read_gets_503(town):
    address = SecretStr(f"postgresql://postgres@127.0.0.1:{closed_port()}/postgres")
    async with another(town, database=address) as lonely:
        answer = await lonely.send("team:noord", town.event(), prefer="wait=1")
        assert answer.status_code == 202
        assert answer.json()["recorded"] is False
        read = await lonely.get("team:noord", "/v1/signals")
        assert (read.status_code, read.headers["retry-after"]) == (503, "5")
        ready = await lonely.get(None, "/health/ready")
        assert ready.status_code == 200
        assert "away" in json.dumps(ready.json())


async def test_without_the_database_an_answer_is_accepted_for_the_ledger_to_judge(town):
    signal = await town.reported()
    address = SecretStr(f"postgresql://postgres@127.0.0.1:{closed_port()}/postgres")
    async with another(town, database=address) as lonely:
        path = f"/v1/assignments/{town.assignment_of(signal)}/resolve"
        answer = await lonely.answer("department:permits", path, {"by": "a", "outcome": "solved", "explanation": "b"})
        assert answer.status_code == 202
        assert answer.json()["accepted"][0]["signal"] is None
    for _ in range(100):
        found = (await town.get("team:noord", f"/v1/signals/{signal}")).json()
        if found["state"] == "resolved":
            return
        await asyncio.sleep(0.1)
    pytest.fail("the ledger did not take in the answer")


async def test_without_the_issuers_keys_nobody_is_let_in_but_told_to_come_back(town):
    async with another(town, jwks=f"http://127.0.0.1:{closed_port()}/jwks") as lonely:
        answer = await lonely.get("team:noord", "/v1/kinds")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert (await lonely.get(None, "/v1/openapi.json")).status_code == 200


async def test_a_gateway_without_its_file_of_keys_does_not_start(town, tmp_path: Path):
    settings = Settings(**(dict(town.settings) | {"jwks": str(tmp_path / "none.json")}))
    with pytest.raises(KoikarperError, match=r"none\.json"):
        await gateway.build(settings).start()


async def test_a_port_in_use_is_named(town):
    port = httpx.URL(town.url).port
    service = gateway.build(Settings(**(dict(town.settings) | {"gateway_port": port})))
    with pytest.raises(KoikarperError, match=f"{port}.*gateway_port"):
        await service.start()


async def test_a_stopped_gateway_answers_what_was_under_way(town):
    async with another(town) as soon:
        event = town.event()
        sending = asyncio.create_task(soon.send("team:noord", event))
        await asyncio.sleep(0.05)
    assert (await sending).status_code == 202
