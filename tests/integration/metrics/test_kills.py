"""`kill -9` of the exporter and of the ledger in the middle of the work: no counter ever falls, and all adds up.

`KOIKARPER_TEST_KILLS=20` kills more often than CI has time for.
"""

import asyncio
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from services.agreements.loading import load
from services.agreements.topics import topics
from services.ledger.migrations import migrate
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from tests.integration.metrics.recount import recounted
from tests.integration.metrics.under_fire import Process, Scraper, Workload

AGREEMENTS = Path(__file__).parents[3] / "deploy" / "agreements.yaml"
SEED = 20_261_124
COUNTED = ("answers", "deadlines", "dead_letters", "escalations")
KILLS = int(os.environ.pop("KOIKARPER_TEST_KILLS", "6"))


@pytest.mark.timeout(280)
async def test_after_kills_of_exporter_and_ledger_no_counter_fell_and_every_metric_equals_its_recount(
    settings: Settings, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a seed makes the kills repeatable
    own = settings.model_copy(update={"agreements": AGREEMENTS, "settle": timedelta(seconds=1)})
    await asyncio.gather(migrate(own), ensure(own, topics(load(AGREEMENTS))))
    ledger, exporter, rest = (
        Process(own, tmp_path, *names) for names in (["ledger"], ["metrics"], ["relay", "timekeeper"])
    )
    async with ledger, exporter, rest, Scraper(exporter.port) as scraper, Workload(own, SEED) as workload:
        for number in range(KILLS):
            victim = (exporter, ledger)[number % 2]
            await victim.until_ready()
            await asyncio.sleep(chance.uniform(0, 1))
            victim.kill()
            await asyncio.sleep(chance.uniform(0, 0.5))
            victim.start()
        await workload.stop()
        for process in (ledger, exporter, rest):
            await process.until_ready()
        await scraper.until("koikarper_signals_total", workload.signals)
        await scraper.until_any(*(f"koikarper_{name}_total" for name in COUNTED))
        await scraper.until("koikarper_outbox_rows", 0)
        await asyncio.gather(ledger.stop(), rest.stop())
        text = await scraper.fresh()
        assert await recounted(own, text) == []
        assert scraper.fell == []
        print(f"seed {SEED}, {KILLS} kills, {scraper.scrapes} scrapes, {dict(workload.told)}")  # noqa: T201 - the figures
