from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.local.faults import FolderInUse, PartError
from services.local.folder import FORMAT, LOG_MAX, Folder

ROOT = Path(__file__).parents[3]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_made_closed_to_others_and_hidden_from_git(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "a" / "b")
    assert mode(folder.path) == 0o700
    assert (folder.path / ".gitignore").read_text() == "*\n"
    folder.close()


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path)
    secret = folder.secret("x")
    assert len(secret) == 32
    assert folder.secret("y") != secret
    assert mode(tmp_path / "secrets" / "x") == 0o600
    folder.close()
    again = Folder.open(tmp_path)
    assert again.secret("x") == secret
    again.close()


def test_a_second_opening_is_refused_and_names_the_first_process(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path)
    with pytest.raises(FolderInUse, match=rf"in use by process {os.getpid()}\.") as refusal:
        Folder.open(tmp_path)
    assert not refusal.value.ended
    folder.close()
    Folder.open(tmp_path).close()


def test_a_folder_stays_locked_while_a_child_of_a_killed_owner_lives(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys; from pathlib import Path; from services.local.folder import Folder;"
        f"folder = Folder.open(Path({str(tmp_path)!r}));"
        "child = subprocess.Popen(['sleep', '60'], pass_fds=[folder.lock], stdout=-3, stderr=-3);"
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    child = int(killed.stdout)
    try:
        with pytest.raises(FolderInUse, match="parts of a process that was killed") as refusal:
            Folder.open(tmp_path)
        assert refusal.value.ended
    finally:
        os.kill(child, 9)


def test_a_folder_that_is_somebody_elses_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(PartError, match=r"no data folder of Koikarper: it holds thesis\.doc\. Choose another"):
        Folder.open(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Folder.open(tmp_path).close()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PartError, match=f"belong to user number {owner}, and you are user number {owner + 1}"):
        Folder.open(tmp_path)


@pytest.mark.parametrize(
    ("mark", "told"),
    [(json.dumps({"format": FORMAT + 1}), str(FORMAT + 1)), ("{}", "unknown"), ("nonsense", "unknown")],
)
def test_data_of_another_format_are_refused_by_number(tmp_path: Path, mark: str, told: str) -> None:
    Folder.open(tmp_path).close()
    (tmp_path / "format.json").write_text(mark)
    with pytest.raises(PartError, match=f"have format {told}; this version reads format {FORMAT}"):
        Folder.open(tmp_path)
    (tmp_path / "format.json").write_text(json.dumps({"format": FORMAT}))
    Folder.open(tmp_path).close()  # the refusal let go of the lock


def test_a_start_that_crashed_before_the_folder_was_marked_is_no_obstacle(tmp_path: Path) -> None:
    Folder.open(tmp_path).close()
    (tmp_path / "format.json").rename(tmp_path / "format.json.new")
    Folder.open(tmp_path).close()


def test_a_path_that_cannot_be_a_folder_is_refused_with_the_option_to_change_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PartError, match=r"cannot be used: .*--data"):
        Folder.open(tmp_path / "file")


def test_a_large_log_is_set_aside_at_the_next_start_and_a_small_one_goes_on(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path)
    log = folder.log("part.log")
    log.write_bytes(b"x" * LOG_MAX)
    assert folder.log("part.log").exists()
    log.write_bytes(b"x" * (LOG_MAX + 1))
    assert not folder.log("part.log").exists()
    assert (tmp_path / "logs" / "part.log.1").exists()
    folder.close()
