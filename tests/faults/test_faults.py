"""Fresh seeds on the real services: whatever dies, an accepted event is in the ledger once, with one effect.

CI runs a few, each with the faults that hit every service. `KOIKARPER_FAULTS_MINUTES` says how long to run instead with
every kind of fault (3 is enough for all). A seed with an anomaly is printed; `python -m tests.faults --seed SEED` runs
it again.
"""

import os
from pathlib import Path

import pytest

from tests.faults.plan import FAULTS
from tests.faults.suite import Options, Suite

MINUTES = float(os.environ.get("KOIKARPER_FAULTS_MINUTES", "0"))
BEGUN_SECONDS = 280
"""What was begun within the minutes may take so long to end."""
SEEDS = 4
EVERYWHERE = ("kill-in-transaction", "kill-published-row-not-deleted", "freeze-ledger", "poison", "duplicates")


@pytest.mark.timeout(MINUTES * 60 + BEGUN_SECONDS)
async def test_whatever_dies_nothing_is_lost_doubled_or_told_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        with capsys.disabled():
            print(line, flush=True)  # noqa: T201 - CI shows the seeds, so that each can be run again

    some = Options(seeds=SEEDS, minutes=3, jobs=2, folder=tmp_path, fault=EVERYWHERE)
    suite = Suite(Options(seeds=1000, minutes=MINUTES, jobs=2, folder=tmp_path) if MINUTES else some, say)
    failed = await suite.run()
    assert not failed, "\n".join(lines)
    missing = frozenset(FAULTS) - suite.shown if MINUTES else frozenset()
    assert suite.shown, "no fault came about"
    assert not missing, "too few minutes for every kind of fault"
