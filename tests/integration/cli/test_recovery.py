"""Recovery by hand, as an operator does it: rebuild, export record and import record, on a rich history."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from sqlalchemy import text
from typer.testing import CliRunner, Result

from services.cli import build
from services.ledger.migrations import migrate
from services.runtime.settings import Settings
from tests.integration.ledger.rich import live_through
from tests.integration.timekeeper.clockwork import Clockwork, at_work


@pytest_asyncio.fixture
async def town(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clockwork]:
    monkeypatch.setenv("KOIKARPER_DATABASE_SCHEMA", settings.database_schema)
    monkeypatch.setenv("KOIKARPER_DATABASE", settings.database.get_secret_value())
    async with at_work(settings, tmp_path) as town:
        await live_through(town)
        for keeper in town.keepers:
            await keeper.stop()
        yield town


async def command(*arguments: str) -> Result:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        return await asyncio.to_thread(CliRunner().invoke, build(), arguments)
    finally:  # the command is a process of its own: its log ends with it
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()


async def test_rebuild_says_what_differs_and_swaps_only_when_told(town: Clockwork) -> None:
    async with town.desk.engine.begin() as connection:
        await connection.execute(text("update assignment set acknowledge = 'met' where acknowledge = 'missed'"))
    compared = await command("rebuild")
    assert compared.exit_code == 1
    assert "acknowledge" in compared.stdout
    assert "Nothing was done" in compared.stdout
    swapped = await command("rebuild", "--swap", "--by", "second line", "--json")
    assert swapped.exit_code == 0, swapped.output
    told = json.loads(swapped.stdout)
    assert told["swapped"]
    assert {(one["table"], one["field"], one["live"], one["folded"]) for one in told["first"]} == {
        ("assignment", "acknowledge", "met", "missed")
    }
    assert '"action": "rebuild"' in swapped.stderr
    assert '"actor": "second line"' in swapped.stderr
    again = await command("rebuild", "--swap")
    assert (again.exit_code, "are what the record says" in again.stdout) == (0, True)


async def test_rebuild_does_not_swap_beside_services_that_write_unless_it_is_told_to(town: Clockwork) -> None:
    keeper = town.keeper()
    await keeper.turn()
    refused = await command("rebuild", "--swap")
    assert refused.exit_code == 1
    assert "koikarper-timekeeper" in refused.stderr
    assert (await command("rebuild", "--swap", "--while-running")).exit_code == 0


async def test_a_ledger_is_made_from_the_exported_record_of_another(
    town: Clockwork, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "record.jsonl"
    exported = await command("export", "record", str(file))
    assert exported.exit_code == 0, exported.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert "wait to be published" in exported.stderr
    printed = await command("export", "record", "-")
    assert printed.stdout.splitlines()[1:-1] == file.read_text().splitlines()[1:-1]
    refused = await command("import", "record", str(file))
    assert (refused.exit_code, "not empty" in refused.stderr) == (1, True)
    own = settings.model_copy(update={"database_schema": f"t{secrets.token_hex(5)}"})
    await migrate(own)
    monkeypatch.setenv("KOIKARPER_DATABASE_SCHEMA", own.database_schema)
    looked = json.loads((await command("import", "record", str(file), "--dry-run", "--json")).stdout)
    assert looked["dryRun"]
    imported = await command("import", "record", str(file), "--json")
    assert imported.exit_code == 0, imported.output
    told = json.loads(imported.stdout)
    assert told["events"] == looked["events"] == len(await town.desk.rows("select 1 from record"))
    assert (await command("verify")).exit_code == 0
    rebuilt = await command("rebuild")
    assert (rebuilt.exit_code, "are what the record says" in rebuilt.stdout) == (0, True)
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_bytes(file.read_bytes()[:-300])
    assert (await command("import", "record", str(wrong), "--dry-run")).exit_code == 1


async def test_a_service_that_was_just_stopped_does_not_stand_in_the_way_of_a_swap(town: Clockwork) -> None:
    keeper = town.keeper()
    await keeper.turn()
    swapping = asyncio.create_task(command("rebuild", "--swap"))
    await asyncio.sleep(0.5)
    await keeper.stop()
    assert (await swapping).exit_code == 0
