"""The outbox that a real intake of the mixture leaves, and how it is put back for another round."""

import asyncio
from dataclasses import dataclass

from services.runtime.settings import Settings
from tests.benchmarks.bare_sql import connect, intake

PAUSE_SECONDS = 0.005
_KEEP = "create table kept as select * from outbox order by seq"
_KEPT = "select topic, key, value from kept order by seq"
_BACK = """
insert into outbox (signal, topic, key, value, headers)
select signal, topic, key, value, headers from kept order by seq
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is to be published of one row: the logical topic, and bytes."""

    topic: str
    key: bytes
    value: bytes


async def keep(settings: Settings, count: int) -> list[Sent]:
    """Take the mixture in, and keep what follows of it in a table beside the outbox; answers it, in order."""
    async with intake(settings, count) as (real, todo):
        for batch in todo:
            await real.work(batch)
    connection = await connect(settings)
    await connection.execute(_KEEP)
    rows = await connection.fetch(_KEPT)
    await connection.execute("truncate outbox")
    await connection.close()
    return [Sent(*row) for row in rows]


async def put_back(settings: Settings) -> None:
    """The outbox as the intake left it, to be published once more."""
    connection = await connect(settings)
    await connection.execute(_BACK)
    await connection.close()


async def emptied(settings: Settings) -> None:
    """Wait until nothing is to be published any more."""
    connection = await connect(settings)
    while await connection.fetchval("select exists (select from outbox)"):  # noqa: ASYNC110 - another process is looked at
        await asyncio.sleep(PAUSE_SECONDS)
    await connection.close()
