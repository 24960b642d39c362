"""The data folder: one start at a time, secrets made once, and a format that later versions can recognise."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from services.local.faults import PartError
from services.local.locks import OWNER, SHARED, own, share

FORMAT = 1
"""Raised when a folder of an earlier version can no longer be read."""
LOG_MAX = 8 * 1024 * 1024
"""Bytes from which a log is set aside at the next start."""

MARK = "format.json"
"""The file by which a data folder is known."""
_IGNORE = ".gitignore"
_BEFORE_THE_MARK = {OWNER, SHARED, _IGNORE, f"{MARK}.new"}


class Folder:
    """An opened data folder. Nobody else can open it before `close`, nor before every child process has ended.

    Two `flock`s: the owner's (with its process number) goes with this process; `lock` is inherited by the watchdog and
    the parts, so that it is held as long as any of them lives, also when the owner was killed.
    """

    def __init__(self, path: Path, owner: int, lock: int) -> None:
        self.path = path
        self.lock = lock
        self._owner = owner

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Make the folder where needed and lock it.

        Raises `FolderInUse`, or `PartError` when it is no data folder of this version or cannot be written.
        """
        path = path.expanduser().resolve()
        try:
            _refuse_strange(path)
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.ExitStack() as undo:
                owner = own(path)
                undo.callback(os.close, owner)
                lock = share(path)
                undo.callback(os.close, lock)
                _mark(path)
                undo.pop_all()
        except OSError as error:
            raise PartError(f"The data folder {path} cannot be used: {error}. Choose another with --data.") from error
        return cls(path, owner, lock)

    def close(self) -> None:
        """Let go of the folder; more than once is harmless."""
        if self.lock >= 0:
            os.close(self.lock)
            os.close(self._owner)
            self.lock = -1

    def inside(self, *names: str) -> Path:
        """A folder inside this one, made where needed and closed to other users."""
        path = self.path.joinpath(*names)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """Where a program's log goes; what it wrote before is set aside once it is large."""
        log = self.inside("logs") / name
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LOG_MAX:
                log.replace(log.with_name(f"{name}.1"))
        return log

    def secret(self, name: str) -> str:
        """The secret of that name: 32 random characters, made at the first question and kept, readable by its owner."""
        file = self.inside("secrets") / name
        if not file.exists():
            write_whole(file, secrets.token_urlsafe(24))
        return file.read_text("ascii")


def write_whole(file: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    draft = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def _refuse_strange(path: Path) -> None:
    """Nothing is written into a folder that is somebody else's: root would leave files that its owner cannot read."""
    if not path.is_dir():
        return
    if (path / MARK).exists():
        if (owner := (path / MARK).stat().st_uid) != os.geteuid():
            raise PartError(
                f"The data in {path} belong to user number {owner}, and you are user number {os.geteuid()}. Start as "
                "that user, or choose another folder with --data."
            )
    elif strange := sorted({entry.name for entry in path.iterdir()} - _BEFORE_THE_MARK):
        raise PartError(
            f"{path} is no data folder of Koikarper: it holds {', '.join(strange[:3])}. Choose another with --data."
        )


def _mark(path: Path) -> None:
    mark = path / MARK
    if not mark.exists():
        (path / _IGNORE).write_text("*\n", "ascii")  # it holds secrets, and may lie in somebody's work tree
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
