"""A town that lived at random through the real intake, and Debian's Chromium to look at its page."""

import os
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from services.runtime.settings import Settings
from tests.integration.metrics.town import Town, at_town


@pytest_asyncio.fixture
async def town(settings: Settings, tmp_path: Path) -> AsyncIterator[Town]:
    async with at_town(settings, tmp_path) as town:
        await town.live(random.Random(4), 90)  # noqa: S311 - a seed makes the life repeatable
        yield town


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; where it is absent these tests are skipped, save in CI."""
    path = shutil.which("chromium")
    if path is None:
        message = "there is no chromium here; on Debian: apt install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        await running.close()
