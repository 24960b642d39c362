"""Real Kafka and real PostgreSQL for every integration test: started once per session, a name space per test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from services.local.parts import Parts

if TYPE_CHECKING:
    from services.runtime.settings import Settings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    """Kafka and PostgreSQL on any free ports, in a folder of this session."""
    async with Parts(tmp_path_factory.mktemp("parts"), kafka_port=0, database_port=0) as running:
        yield running


@pytest.fixture
def settings(parts: Parts) -> Settings:
    """Settings with topics, groups and a schema that no other test has."""
    from services.runtime.settings import Settings  # noqa: PLC0415 - the tests of the parts need no settings

    own = f"t{secrets.token_hex(5)}"
    return Settings(topic_prefix=f"{own}.", database_schema=own, kafka=parts.kafka, database=parts.database)
