"""The data folder: one start at a time, secrets made once, and a format that later versions can recognise."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from services.local.faults import FolderInUse, PartError

FORMAT = 1
"""Raised when a folder of an earlier version can no longer be read."""
STOPPING = 30.0
"""Seconds that the parts of a killed process may take to stop: the watchdog's 20, and some air."""

_MARK = "format.json"


class Folder:
    """An opened data folder. Nobody else can open it before `close`, nor before every child process has ended.

    The lock is an `flock` on `lock`; the watchdog and the parts inherit its descriptor (`lock`), so that it is held
    as long as any of them lives, also when the process that opened the folder was killed.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    @classmethod
    def open(cls, path: Path, progress: Callable[[str], None] = lambda _: None) -> Folder:
        """Make the folder where needed and lock it.

        Raises `FolderInUse` when a living process has it, `PartError` when it is no data folder of this version.
        Waits for the parts of a process that was killed, at most `STOPPING` seconds.
        """
        path = path.expanduser().resolve()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PartError(
                f"The data folder {path} cannot be used: {error.strerror}. Choose another with --data."
            ) from error
        try:
            _acquire(path, lock, progress)
            _recognise(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    def close(self) -> None:
        """Let go of the folder; more than once is harmless."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def inside(self, *names: str) -> Path:
        """A folder inside this one, made where needed and closed to other users."""
        path = self.path.joinpath(*names)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def secret(self, name: str) -> str:
        """The secret of that name: 32 random characters, made at the first question and kept, readable by its owner."""
        file = self.inside("secrets") / name
        with contextlib.suppress(FileNotFoundError):
            return file.read_text("ascii")
        write_whole(file, secrets.token_urlsafe(24))
        return file.read_text("ascii")


def write_whole(file: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    draft = file.with_name(f"{file.name}.new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def _acquire(path: Path, lock: int, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + STOPPING
    told = False
    while not _locked(lock):
        pid = _holder(lock)
        if pid is not None and _alive(pid):
            raise FolderInUse(
                f"The data folder {path} is in use by process {pid}. Stop that process, or choose another folder "
                "with --data.",
                pid,
            )
        if time.monotonic() > deadline:
            raise FolderInUse(
                f"The data folder {path} is still in use by parts of a process that has ended (its number was {pid}). "
                "End what is left of Kafka (java) and PostgreSQL (postgres), or choose another folder with --data.",
                pid,
            )
        if not told:
            progress(f"Waiting until the parts of process {pid}, which was killed, have stopped")
            told = True
        time.sleep(0.1)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int | None:
    text = os.pread(lock, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _recognise(path: Path) -> None:
    mark = path / _MARK
    if not mark.exists():
        if strange := sorted(entry.name for entry in path.iterdir() if entry.name not in {"lock", f"{_MARK}.new"}):
            raise PartError(
                f"{path} is no data folder of Koikarper: it holds {', '.join(strange[:3])}. Choose another with --data."
            )
        (path / ".gitignore").write_text("*\n", "ascii")  # it holds secrets, and may lie in somebody's work tree
        write_whole(mark, json.dumps({"format": FORMAT}))
    try:
        found = json.loads(mark.read_text("utf-8"))["format"]
    except (ValueError, KeyError, TypeError):
        found = "unknown"
    if found != FORMAT:
        raise PartError(
            f"The data in {path} have format {found}; this version reads format {FORMAT}. "
            "Use the version that wrote them, or choose another folder with --data."
        )
