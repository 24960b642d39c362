"""The desk of the ledger's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from services.runtime.settings import Settings
from tests.integration.ledger.desk import Desk, at_desk


@pytest_asyncio.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    async with at_desk(settings) as desk:
        yield desk
