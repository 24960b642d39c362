from __future__ import annotations

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.local.parts import Parts
from services.runtime.settings import Settings


async def test_kafka_and_postgresql_serve_their_clients(parts: Parts, settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database.get_secret_value())
    assert await connection.fetchval("show server_version_num") >= "180000"
    await connection.close()
