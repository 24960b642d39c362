from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from services.cli.replay import _ground
from services.local.addresses import Addresses
from services.local.faults import FolderInUse
from services.local.folder import Folder


async def test_a_replay_uses_the_machine_that_runs_on_the_data_folder(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "data")
    try:
        found = Addresses(
            "http://g", "http://m", "127.0.0.1:1", "postgresql://someone:secret@127.0.0.1:2/k", "keys", "urn:x"
        )
        found.save(folder.path)
        async with _ground(("", ""), folder.path, Console(quiet=True)) as (settings, died):
            assert settings.kafka == found.kafka
            assert settings.database.get_secret_value() == found.database
            assert died is None
    finally:
        folder.close()


async def test_a_folder_in_use_without_addresses_is_told(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "data")
    try:
        with pytest.raises(FolderInUse):
            async with _ground(("", ""), folder.path, Console(quiet=True)):
                pass
    finally:
        folder.close()
