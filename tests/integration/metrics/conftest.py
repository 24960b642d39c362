"""A town at work, with an exporter that looks at its ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from services.runtime.settings import Settings
from tests.integration.metrics.town import Town, at_town


@pytest_asyncio.fixture
async def town(settings: Settings, tmp_path: Path) -> AsyncIterator[Town]:
    async with at_town(settings, tmp_path) as town:
        yield town
