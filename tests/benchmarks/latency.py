"""How long one signal takes to the department's topic, at a steady rate: from the gateway, or from the team's topic."""

import asyncio
import statistics
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from events.envelope import STRUCTURED_HEADERS, encode
from events.identifiers import signal_id
from services.local import addresses, keys
from services.local.addresses import Addresses
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.loop_machine import machine

TOPIC = "department.permits.assignments"
SIGNALS = "neighbourhood.initiative-blocked"
RATES_PER_SECOND = (50, 500)
SECONDS, QUICK_SECONDS = 20, 5
WARM_SECONDS = 3
P50_MS, P95_MS = 15, 50
PATIENCE_SECONDS = 60
SOURCE = "urn:noord"
"""Of the town's team, where it does not come through the gateway."""


async def figures(folder: Path, rounds: int, *, quick: bool) -> list[Figure]:
    """Median and 95th percentile from the team's topic, at each rate; the medians of the rounds, of a machine's all.

    The town promises hours: in the demo's, which promises seconds, thousands of moments of signals that nobody answers
    come due while it is measured.
    """
    seconds = QUICK_SECONDS if quick else SECONDS
    found = []
    with machine(folder):
        folder /= "data"
        for rate in RATES_PER_SECOND:
            await topic_latencies_ms(folder, rate, WARM_SECONDS)
            measured = [await topic_latencies_ms(folder, rate, seconds) for _ in range(rounds)]
            for name, share, goal_ms in (("p50", 0.5, P50_MS), ("p95", 0.95, P95_MS)):
                each = [percentile(values, share) for values in measured]
                what = f"team topic to department topic at {rate} signals/s, {name}"
                note = f"{len(each)} rounds, {min(each):.1f} to {max(each):.1f}"
                found.append(Figure(what, statistics.median(each), goal_ms, "ms", note))
    return found


async def topic_latencies_ms(folder: Path, rate_per_second: int, seconds: int) -> list[float]:
    """Milliseconds from handing a signal to a producer until a consumer of the department's topic has the assignment.

    A signal that never came is an error: every one counts.
    """
    found = addresses.read(folder)
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=found.kafka, fetch_max_wait_ms=5000)
    producer = AIOKafkaProducer(bootstrap_servers=found.kafka, acks="all")
    await consumer.start()
    await producer.start()
    await consumer.seek_to_end()
    arrived: dict[str, float] = {}
    reading = asyncio.create_task(_read(consumer, arrived))
    sent: dict[str, float] = {}
    begun = time.perf_counter()
    for number in range(rate_per_second * seconds):
        await asyncio.sleep(max(0.0, begun + number / rate_per_second - time.perf_counter()))
        event = _event(SOURCE)
        signal = str(signal_id(event["source"], event["id"]))
        sent[signal] = time.perf_counter()
        await producer.send(SIGNALS, encode(event), signal.encode(), headers=[*STRUCTURED_HEADERS])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not sent.keys() <= arrived.keys():  # noqa: ASYNC110 - other processes are looked at
            await asyncio.sleep(0.05)
    reading.cancel()
    await producer.stop()
    await consumer.stop()
    return [(arrived[signal] - moment) * 1000 for signal, moment in sent.items()]


async def latencies_ms(folder, rate_per_second, seconds):  # type: ignore[no-untyped-def]  # tests are not typed
    """Milliseconds from the call of the gateway until a consumer of the department's topic has the assignment."""
    found = addresses.read(folder)
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=found.kafka, auto_offset_reset="earliest", fetch_max_wait_ms=5000
    )
    await consumer.start()
    sent: dict[str, float] = {}
    arrived: dict[str, float] = {}
    reading = asyncio.create_task(_read(consumer, arrived))
    token = keys.token(folder, "team:noord")
    async with httpx.AsyncClient(base_url=found.gateway, headers={"authorization": f"Bearer {token}"}) as client:
        await _emit(client, found, {})  # the first call opens connections
        begun = time.perf_counter()
        tasks = []
        for number in range(rate_per_second * seconds):
            await asyncio.sleep(max(0.0, begun + number / rate_per_second - time.perf_counter()))
            tasks.append(asyncio.create_task(_emit(client, found, sent)))
        await asyncio.gather(*tasks)
        for _ in range(200):
            if sent.keys() <= arrived.keys():
                break
            await asyncio.sleep(0.05)
    reading.cancel()
    await consumer.stop()
    return [(arrived[signal] - moment) * 1000 for signal, moment in sent.items()]


async def _emit(client: httpx.AsyncClient, found: Addresses, sent: dict[str, float]) -> None:
    event = _event(found.source)
    moment = time.perf_counter()
    response = await client.post("/v1/events", json=event, headers={"content-type": "application/cloudevents+json"})
    sent[response.raise_for_status().json()["accepted"][0]["signal"]] = moment


def _event(source: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": "nl.koikarper.signals.initiative-blocked.v1",
        "data": {
            "team": "noord",
            "neighbourhood": "WK999901",
            "title": "Koi in the pond",
            "initiative": "A pond with koi",
            "blockedBy": "permit",
        },
    }


async def _read(consumer: AIOKafkaConsumer, arrived: dict[str, float]) -> None:
    async for message in consumer:
        arrived.setdefault(message.key.decode(), time.perf_counter())
