"""How long one signal takes from the gateway to the department's topic, at a steady rate."""

import asyncio
import time
import uuid

import httpx
from aiokafka import AIOKafkaConsumer

from services.local import addresses, keys
from services.local.addresses import Addresses

TOPIC = "department.permits.assignments"


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
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": found.source,
        "type": "nl.koikarper.signals.initiative-blocked.v1",
        "data": {
            "team": "noord",
            "neighbourhood": "WK999901",
            "title": "Koi in the pond",
            "initiative": "A pond with koi",
            "blockedBy": "permit",
        },
    }
    moment = time.perf_counter()
    response = await client.post("/v1/events", json=event, headers={"content-type": "application/cloudevents+json"})
    sent[response.raise_for_status().json()["accepted"][0]["signal"]] = moment


async def _read(consumer: AIOKafkaConsumer, arrived: dict[str, float]) -> None:
    async for message in consumer:
        arrived.setdefault(message.key.decode(), time.perf_counter())
