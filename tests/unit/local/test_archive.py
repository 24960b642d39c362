"""A data folder comes back as it was, whole or not at all, and nothing that is there is written over."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.local import archive
from services.local.faults import FolderInUse, PartError
from services.local.folder import Folder

AT = datetime(2026, 11, 24, 11, tzinfo=UTC)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """What a machine that was stopped leaves."""
    path = tmp_path / "machine"
    folder = Folder.open(path)
    folder.secret("database-password")
    data = folder.inside("kafka", "data")
    folder.inside("kafka", "tmp").joinpath("scratch").write_text("gone")
    (data / ".kafka_cleanshutdown").write_text("")
    folder.inside("kafka", "data", "topic-0").joinpath("0.log").write_bytes(os.urandom(300_000))
    folder.inside("postgres", "base", "empty")
    (path / "postgres" / "PG_VERSION").write_text("18")
    (path / "postgres" / "PG_VERSION").chmod(0o600)
    folder.log("kafka.log").write_text("words")
    (path / "addresses.json").write_text("{}")
    folder.close()
    return path


def tree(path: Path) -> dict[str, tuple[int, bytes]]:
    entries = {str(entry.relative_to(path)): entry for entry in path.rglob("*")}
    return {
        name: (entry.stat().st_mode, entry.read_bytes() if entry.is_file() else b"") for name, entry in entries.items()
    }


def test_what_was_kept_comes_back_with_its_rights_less_what_belongs_to_one_run(machine: Path, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "town.tar.gz", tmp_path / "a" / "b"
    kept = archive.backup(machine, file, AT)
    assert file.stat().st_mode & 0o777 == 0o600
    content = archive.restore(file, elsewhere)
    assert content == kept == archive.look(file)
    before = tree(machine)
    gone = {"owner.lock", "parts.lock", "addresses.json", "logs", "logs/kafka.log", "kafka/tmp", "kafka/tmp/scratch"}
    assert tree(elsewhere) == {name: entry for name, entry in before.items() if name not in gone}
    assert elsewhere.stat().st_mode & 0o777 == 0o700
    Folder.open(elsewhere).close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "machine", "town.tar.gz"]


def test_a_dry_run_says_what_would_be_kept_and_keeps_nothing(machine: Path, tmp_path: Path) -> None:
    file = tmp_path / "town.tar.gz"
    content = archive.backup(machine, file, AT, dry_run=True)
    assert not file.exists()
    assert content == archive.backup(machine, file, AT)


def test_a_machine_that_runs_is_not_copied(machine: Path, tmp_path: Path) -> None:
    folder = Folder.open(machine)
    with pytest.raises(FolderInUse):
        archive.backup(machine, tmp_path / "town.tar.gz", AT)
    folder.close()
    assert not (tmp_path / "town.tar.gz").exists()


def test_a_machine_that_was_killed_is_to_be_stopped_first(machine: Path, tmp_path: Path) -> None:
    (machine / "kafka" / "data" / ".kafka_cleanshutdown").unlink()
    with pytest.raises(PartError, match="killed"):
        archive.backup(machine, tmp_path / "town.tar.gz", AT)


def test_no_folder_is_no_backup_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(PartError, match="no data folder"):
        archive.backup(tmp_path / "absent", tmp_path / "town.tar.gz", AT)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_backup_is_not_written_over(machine: Path, tmp_path: Path) -> None:
    file = tmp_path / "town.tar.gz"
    file.write_text("earlier")
    with pytest.raises(PartError, match="written over"):
        archive.backup(machine, file, AT)
    assert file.read_text() == "earlier"


def test_a_folder_that_holds_something_is_not_written_over(machine: Path, tmp_path: Path) -> None:
    file = tmp_path / "town.tar.gz"
    archive.backup(machine, file, AT)
    before = tree(machine)
    with pytest.raises(PartError, match="holds"):
        archive.restore(file, machine)
    assert tree(machine) == before


def test_a_folder_with_nothing_but_locks_is_filled(machine: Path, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "town.tar.gz", tmp_path / "elsewhere"
    archive.backup(machine, file, AT)
    elsewhere.mkdir()
    (elsewhere / "owner.lock").write_text("1")
    archive.restore(file, elsewhere)
    assert (elsewhere / "postgres" / "PG_VERSION").read_text() == "18"


@pytest.mark.parametrize("part", ["cut", "end", "bits", "text"])
def test_an_archive_that_was_damaged_is_refused_and_leaves_nothing(machine: Path, tmp_path: Path, part: str) -> None:
    file, elsewhere = tmp_path / "town.tar.gz", tmp_path / "elsewhere"
    archive.backup(machine, file, AT)
    whole = file.read_bytes()
    inside = bytearray(gzip.decompress(whole))
    at = inside.index(b"0.log") + 100_000
    inside[at] ^= 1
    damaged = {
        "cut": whole[: len(whole) // 2],
        "end": gzip.compress(gzip.decompress(whole)[: inside.index(archive.SUMS.encode())]),
        "bits": gzip.compress(bytes(inside)),
        "text": b"no archive",
    }
    file.write_bytes(damaged[part])
    for attempt in (lambda: archive.restore(file, elsewhere), lambda: archive.look(file)):
        with pytest.raises(PartError):
            attempt()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["machine", "town.tar.gz"]
