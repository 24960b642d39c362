"""The page as the commands write it: of a ledger at work, and of a log that was replayed."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from services.runtime.settings import Settings
from tests.integration.metrics.town import Town

ROOT = Path(__file__).parents[3]
LOG = """case:concept:name,case:startdate,case:enddate,case:department,concept:name,time:timestamp
a,2011-05-02 10:00:00+02:00,2011-05-20 10:00:00+02:00,Experts,Confirmation of receipt,2011-05-04 10:00:00+02:00
b,2011-05-02 11:00:00+02:00,2011-05-30 10:00:00+02:00,Experts,Confirmation of receipt,2011-05-29 10:00:00+02:00
c,2011-05-03 10:00:00+02:00,,General,Confirmation of receipt,2011-08-01 10:00:00+02:00
d,2011-05-04 10:00:00+02:00,,General,Check,2011-05-05 10:00:00+02:00
"""


async def koikarper(settings: Settings, *arguments: str) -> tuple[int | None, str]:
    """Run a command to its end, with this database and schema in its environment."""
    environment = os.environ | {
        "KOIKARPER_DATABASE": settings.database.get_secret_value(),
        "KOIKARPER_DATABASE_SCHEMA": settings.database_schema,
    }
    command = (sys.executable, "-m", "services.cli", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    return process.returncode, (output + errors).decode()


async def test_the_page_of_a_ledger_at_work_replaces_an_older_one_or_says_why_it_cannot(
    town: Town, tmp_path: Path
) -> None:
    file = tmp_path / "wachten.html"
    file.write_text("yesterday's")
    code, said = await koikarper(town.clockwork.settings, "waits", "--html", str(file))
    text = file.read_text("utf-8")
    assert (code, said.startswith(f"Written: {file}")) == (0, True), said
    assert "Voorbeeldstad (GM9999)" in text
    assert text.endswith("</html>\n")
    assert not await asyncio.to_thread(file.with_name("wachten.html.new").exists)
    code, said = await koikarper(town.clockwork.settings, "waits", "--html", str(tmp_path / "nowhere" / "a.html"))
    assert (code, "cannot be written: No such file or directory" in said) == (1, True)


async def test_the_page_of_a_replay_is_of_the_logs_own_time(settings: Settings, tmp_path: Path) -> None:
    log, file = tmp_path / "small.csv", tmp_path / "small.html"
    log.write_text(LOG)
    mapping = str(ROOT / "deploy/replay/receipt.yaml")
    addresses = ("--kafka", settings.kafka, "--database", settings.database.get_secret_value())
    until = ("--until", "2011-08-02T12:00:00+02:00")
    arguments = (str(log), "--mapping", mapping, *addresses, *until, "--html", str(file), "--json")
    code, said = await koikarper(settings, "replay", *arguments)
    text = file.read_text("utf-8")
    assert code == 0, said
    assert 'Stand van <time datetime="2011-08-02T10:00:00.000Z">dinsdag 2 augustus 2011 om 12.00 uur</time>' in text
    # Acknowledged: a in time, b and c late, d never; resolved: a and b in time, c and d not.
    assert "Op tijd: 25% (1 van 4). Nu wacht 1 verzoek, waarvan 1 te laat." in text
    assert "Op tijd: 50% (2 van 4). Nu wachten 2 verzoeken, waarvan 2 te laat." in text
