"""The suite is no comfort unless it finds what is wrong: four builds that are broken on purpose."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.arena import Single
from tests.faults.plan import draw
from tests.faults.run import Result, Run

SEEDS = range(11, 19)
"""Whether a fault meets the gap depends on the moment too, so a few may be needed."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def arena(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Single]:
    async with Single(tmp_path_factory.mktemp("arena")) as running:
        yield running


@pytest.mark.timeout(300)
async def test_each_broken_build_is_caught_by_what_it_breaks(arena: Single, tmp_path: Path) -> None:
    migrating = asyncio.Lock()

    async def caught(build: str, fault: str, anomaly: str, poison: float = 0.0) -> None:
        """Run seeds until the anomaly is found."""
        found: list[Result] = []
        for seed in SEEDS:
            plan = replace(draw(seed, [fault]), poison=poison)
            found.append(await Run(plan, arena, tmp_path / f"{build}-{seed}", migrating, build=build).execute())
            if anomaly in {one.name for one in found[-1].anomalies}:
                return
        pytest.fail(f"{build} was not caught: {found}")

    await asyncio.gather(
        caught("offsets-first", "kill-in-transaction", "lost event"),
        caught("row-deleted-first", "kill-outbox-read", "told otherwise"),
        caught("no-inbox", "duplicates", "duplicate effect"),
        caught("no-fence", "freeze-ledger", "duplicate effect", poison=0.25),
    )
