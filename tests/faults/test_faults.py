"""Fresh seeds on the real services: whatever dies, an accepted event is in the ledger once, with one effect.

CI runs as many as show every kind of fault. A seed with an anomaly is printed, and `python -m tests.faults --seed SEED`
runs it again; `make faults` runs more of them.
"""

from pathlib import Path

import pytest

from tests.faults.plan import FAULTS
from tests.faults.suite import Options, Suite

SEEDS_MAX, MINUTES = 40, 6.0
JOBS = 2
BEGUN_SECONDS = 240
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

    suite = Suite(Options(seeds=SEEDS_MAX, every=True, minutes=MINUTES, jobs=JOBS, folder=tmp_path), say)
    failed = await suite.run()
    assert not failed, "\n".join(lines)
    ran = {kind for result in suite.results for kind in result.faults}
    assert ran == set(FAULTS), "too little time for every kind of fault"
