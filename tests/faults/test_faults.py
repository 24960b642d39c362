"""Fresh seeds on the real services: whatever dies, an accepted event is in the ledger once, with one effect.

`KOIKARPER_FAULTS_MINUTES` says how long (3 by default: long enough for every kind of fault). A seed with an anomaly is
printed; `python -m tests.faults --seed SEED` runs it again.
"""

import os
from pathlib import Path

import pytest

from tests.faults.plan import FAULTS
from tests.faults.suite import Options, Suite

MINUTES = float(os.environ.get("KOIKARPER_FAULTS_MINUTES", "3"))
BEGUN_SECONDS = 180
"""What was begun within the minutes may take so long to end."""


@pytest.mark.timeout(MINUTES * 60 + BEGUN_SECONDS)
async def test_whatever_dies_nothing_is_lost_doubled_or_told_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        with capsys.disabled():
            print(line, flush=True)  # noqa: T201 - CI shows the seeds, so that each can be run again

    suite = Suite(Options(seeds=1000, minutes=MINUTES, jobs=2, folder=tmp_path), say)
    failed = await suite.run()
    assert not failed, "\n".join(lines)
    assert not frozenset(FAULTS) - suite.shown, "too few minutes for every kind of fault"
