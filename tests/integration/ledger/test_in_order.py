"""A partition that ends with what is no record is read to its end, and not waited at for ever."""

import asyncio

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.catalogue import Topic
from services.ledger.in_order import in_order
from services.runtime.header_names import TolerantConsumer
from services.runtime.settings import Settings
from services.runtime.topics import ensure


async def test_the_mark_of_a_transaction_at_the_end_is_read_over(settings: Settings) -> None:
    await ensure(settings, [Topic("things", partitions=1)])
    name = f"{settings.topic_prefix}things"
    one = AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id=name)
    async with one as producer, producer.transaction():
        await producer.send_and_wait(name, b"said in a transaction")
    async with TolerantConsumer(name, bootstrap_servers=settings.kafka, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(30):
            # Kafka writes the mark after it has said that the transaction is committed.
            while [*(ends := await consumer.end_offsets(consumer.assignment())).values()] != [2]:  # noqa: ASYNC110 - Kafka is looked at
                await asyncio.sleep(0.02)
        (place,) = ends
        for start, said in ((0, [b"said in a transaction"]), (1, [])):
            consumer.seek(place, start)
            async with asyncio.timeout(30):
                assert [record.value async for record in in_order(consumer, ends, settings.topic_prefix)] == said
