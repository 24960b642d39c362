"""Timekeepers on real PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from services.runtime.settings import Settings
from tests.integration.timekeeper.clockwork import Clockwork, at_work


@pytest_asyncio.fixture
async def clockwork(settings: Settings, tmp_path: Path) -> AsyncIterator[Clockwork]:
    async with at_work(settings, tmp_path) as clockwork:
        yield clockwork
