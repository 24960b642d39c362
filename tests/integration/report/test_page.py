"""The page as a council sees it: in a real browser, nothing is asked of another computer, and axe finds nothing."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ViewportSize

from services.report.page import page
from services.report.reading import NothingHereError, read
from services.runtime.errors import TransientError
from services.runtime.settings import Settings
from tests.integration.metrics.town import Town
from tests.integration.timekeeper.clockwork import hours

Scheme = Literal["light", "dark"]
REFLOW: ViewportSize = {"width": 320, "height": 640}
"""What 400 % leaves of 1280 pixels (WCAG 1.4.10)."""
DESK: ViewportSize = {"width": 1280, "height": 900}
LOOKS: tuple[tuple[Scheme, ViewportSize], ...] = (("light", DESK), ("dark", DESK), ("light", REFLOW))


@pytest.fixture
async def written(town: Town, tmp_path: Path) -> Path:
    file = tmp_path / "wachten.html"
    file.write_text(page(await read(town.clockwork.settings, hours(town.hour + 5))), "utf-8")
    return file


async def test_axe_finds_nothing_and_no_other_computer_is_asked(browser: Browser, written: Path) -> None:
    for scheme, size in LOOKS:
        seen = await browser.new_page(color_scheme=scheme, viewport=size)
        asked: list[str] = []
        seen.on("request", lambda request, asked=asked: asked.append(request.url))
        said: list[str] = []
        seen.on("console", lambda message, said=said: said.append(message.text))
        await seen.goto(written.as_uri())
        await seen.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        results = await Axe().run(seen)
        overflow = await seen.evaluate("document.documentElement.scrollWidth - innerWidth")
        drawings = await seen.locator("svg").count()
        await seen.close()
        assert results.violations_count == 0, results.generate_report()
        assert asked == [written.as_uri()]
        assert said == []
        assert overflow <= 0
        assert drawings >= 5


async def test_what_the_page_says_is_what_the_ledger_holds(town: Town, written: Path) -> None:
    rows = await town.clockwork.desk.rows("select id from assignment where state in ('waiting', 'acknowledged')")
    text = await asyncio.to_thread(written.read_text, "utf-8")
    assert f'<span class="big">{len(rows)}</span>wachten op een afdeling' in text
    reports: list[Any] = await town.clockwork.desk.rows("select id, report ->> 'description' as told from signal")
    assert not any(str(row.id) in text for row in [*rows, *reports])


async def test_a_database_without_a_ledger_is_told(settings: Settings) -> None:
    with pytest.raises(TransientError, match="PostgreSQL"):
        await read(settings, hours(0))


async def test_a_ledger_that_never_ran_is_told(town: Town) -> None:
    async with town.clockwork.desk.engine.begin() as connection:
        await connection.exec_driver_sql("delete from agreements")
    with pytest.raises(NothingHereError):
        await read(town.clockwork.settings, hours(0))
