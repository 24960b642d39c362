"""The gateway as a user runs it: single events beside a bare route, and batches beside single events."""

import json
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from events.catalogue import signal_type
from events.envelope import BATCH, STRUCTURED
from services.local import keys
from services.local.parts import Parts
from services.runtime.settings import Settings
from tests.benchmarks.bare_gateway import AUTHENTICATED
from tests.benchmarks.figures import Ratio
from tests.benchmarks.http_load import drive, post
from tests.benchmarks.mixture import TOWN
from tests.benchmarks.running import free_port, prepare, process, ready, service, town, variables

SINGLES, QUICK_SINGLES = 5_000, 2_000
WARM = 500
BATCH_EVENTS = 100
BATCHED_TIMES = 10
"""So many times as many events as single ones, so that both are measured for about as long."""
BATCH_CONNECTIONS = 4

Load = Sequence[bytes]
Rate = tuple[float, float]
"""Events per second, and the server's processor time for one in microseconds."""


async def ratios(folder: Path, rounds: int, *, quick: bool) -> list[Ratio]:
    """Single events against the bare route, batches against single events; every round measures all of them."""
    count = QUICK_SINGLES if quick else SINGLES
    measured: list[list[Rate]] = []
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        settings = town(parts, folder / "town", TOWN, gateway_port=free_port())
        await prepare(settings)
        token = keys.token(folder / "town", "team:noord")
        for _ in range(rounds):
            async with service(settings, "gateway") as running:
                ours = await _singles(settings, running.pid, token, count)
                batches = await _batches(settings, running.pid, token, count)
            bare = await _bare(settings, token, count)
            authenticated = await _bare(settings, token, count, AUTHENTICATED)
            measured.append([ours, batches, bare, authenticated])
    ours, batches, bare, authenticated = ([rate for rate, _ in each] for each in zip(*measured, strict=True))
    cpu = [[cost for _, cost in each] for each in zip(*measured, strict=True)]
    return [
        Ratio("gateway, single events, of a bare route", ours, bare, 0.80, "events/s"),
        Ratio("gateway, batches of 100, of single events", batches, ours, 8, "events/s"),
        Ratio("a bare route that knows its callers, of a bare route", authenticated, bare, None, "events/s"),
        Ratio("processor time of a bare route, of the gateway's", cpu[2], cpu[0], None, "µs/event"),
        Ratio("processor time of an event in a batch, of a single one's", cpu[1], cpu[0], None, "µs/event"),
    ]


async def _bare(settings: Settings, token: str, count: int, *more: str) -> Rate:
    arguments = [sys.executable, "-m", "tests.benchmarks.bare_gateway", *more]
    async with process(arguments, variables(settings)) as running:
        await ready(settings.metrics_port, running)
        return await _singles(settings, running.pid, token, count)


async def _singles(settings: Settings, pid: int, token: str, count: int) -> Rate:
    load = [post("/v1/events", json.dumps(_event()).encode(), STRUCTURED, token) for _ in range(WARM + count)]
    await drive(settings.gateway_port, load[:WARM], 202)
    return await _rate(settings, pid, load[WARM:], count, connections=16)


async def _batches(settings: Settings, pid: int, token: str, count: int) -> Rate:
    number = count * BATCHED_TIMES // BATCH_EVENTS
    load = [
        post("/v1/events", json.dumps([_event() for _ in range(BATCH_EVENTS)]).encode(), BATCH, token)
        for _ in range(number + BATCH_CONNECTIONS)
    ]
    await drive(settings.gateway_port, load[:BATCH_CONNECTIONS], 202)
    return await _rate(settings, pid, load[BATCH_CONNECTIONS:], number * BATCH_EVENTS, connections=BATCH_CONNECTIONS)


async def _rate(settings: Settings, pid: int, load: Load, events: int, *, connections: int) -> Rate:
    server = psutil.Process(pid)
    spent = sum(server.cpu_times()[:2])
    begun = time.perf_counter()
    await drive(settings.gateway_port, load, 202, connections)
    seconds = time.perf_counter() - begun
    return events / seconds, (sum(server.cpu_times()[:2]) - spent) / events * 1e6


def _event() -> dict[str, Any]:
    data = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "urn:noord",
        "type": signal_type("initiative-blocked"),
        "time": "2026-03-02T09:00:00Z",
        "data": data | {"blockedBy": "permit"},
    }
