"""Where a replay lives: its own topics and its own schema, made anew for each run of the same log.

A replay always starts fresh. What an earlier run of the same log left, whole or broken off at any line, is dropped
first: half a replay cannot be told from a whole one by looking at it, and a log is read faster than it is compared.
What this run leaves stays until the next, to be looked at.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from events import catalogue
from events.catalogue import Topic
from services.agreements.model import Agreements
from services.ledger.migrations import migrate
from services.local.replay.faults import ReplayError
from services.local.replay.messages import INPUT
from services.runtime.database import transient_errors
from services.runtime.options import connection
from services.runtime.settings import Settings
from services.runtime.topics import delete, ensure

NAME_LENGTH_MAX = 40
DELETION_SECONDS_MAX = 30.0
_NO_NAME = re.compile(r"[^a-z0-9]+")


def inside(settings: Settings, log_name: str, agreements: Path) -> Settings:
    """The settings of a replay of this log: `replay-<name>.` before its topics, the schema `replay_<name>`."""
    name = _NO_NAME.sub("-", log_name.lower()).strip("-")[:NAME_LENGTH_MAX].strip("-") or "log"
    return settings.model_copy(
        update={
            "agreements": agreements,
            "topic_prefix": f"replay-{name}.",
            "database_schema": f"replay_{name.replace('-', '_')}",
            "input_topics": (INPUT,),
            "create_time": True,
        }
    )


@asynccontextmanager
async def alone(settings: Settings) -> AsyncIterator[None]:
    """Hold the replay's name: a second replay of the same log would drop what the first is at. PostgreSQL keeps it."""
    key = zlib.crc32(settings.database_schema.encode())
    async with transient_errors():
        held = await asyncpg.connect(settings.database.get_secret_value(), timeout=10)
    try:
        if not await held.fetchval("select pg_try_advisory_lock($1, $2)", _REPLAYS, key - (1 << 31)):
            raise ReplayError(f"Another replay of this log is running ({settings.database_schema}); wait for its end.")
        yield
    finally:
        await held.close()


_REPLAYS = 0x6B6F69  # "koi": the class of this lock, so that it meets no other


async def fresh(settings: Settings, agreements: Agreements) -> None:
    """Drop what an earlier run left, and make the schema and the topics of this one."""
    await _drop_topics(settings)
    await _drop_schema(settings)
    await migrate(settings)
    await ensure(settings, topics(agreements))


def topics(agreements: Agreements) -> Iterable[Topic]:
    """Every topic on which something is said in a replay; answers come by way of its one input topic."""
    yield Topic(INPUT)
    yield from (Topic(catalogue.department_assignments(code)) for code in agreements.departments)
    yield from (Topic(catalogue.team_feedback(code)) for code in agreements.teams)
    yield from catalogue.loop_topics()


async def _drop_schema(settings: Settings) -> None:
    async with transient_errors():
        database: asyncpg.Connection[Any] = await asyncpg.connect(settings.database.get_secret_value(), timeout=10)
        try:
            await database.execute(f'drop schema if exists "{settings.database_schema}" cascade')
        finally:
            await database.close()


async def _drop_topics(settings: Settings) -> None:
    """Delete, and wait until the broker no longer lists them: a topic on its way out cannot be made anew."""
    if old := await _listed(settings):
        await delete(settings, [name.removeprefix(settings.topic_prefix) for name in old])
        try:
            async with asyncio.timeout(DELETION_SECONDS_MAX):
                while await _listed(settings):  # noqa: ASYNC110 - Kafka tells nobody when a topic is gone
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ReplayError(
                f"Kafka still lists {settings.topic_prefix}* {DELETION_SECONDS_MAX:.0f} seconds after it was asked to "
                "delete these topics of an earlier replay. See that delete.topic.enable is true, and try again."
            ) from None


async def _listed(settings: Settings) -> list[str]:
    admin = AIOKafkaAdminClient(**connection(settings, "replay"))
    try:
        await admin.start()
        return [name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)]
    except (KafkaError, OSError) as error:
        raise ReplayError(f"Kafka does not answer at {settings.kafka}: {error}") from error
    finally:
        await admin.close()
