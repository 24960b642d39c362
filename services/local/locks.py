"""The two locks of a data folder: who has it, and whether anything that was started there still runs."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from services.local.faults import FolderInUse

OWNER = "owner.lock"
SHARED = "parts.lock"


def own(path: Path) -> int:
    """The owner's lock, which no child inherits: it is free as soon as the owner is gone, however it ended."""
    owner = _open_locked(path / OWNER)
    if owner is None:
        pid = (path / OWNER).read_text("ascii").strip() or "(unknown)"
        raise FolderInUse(
            f"The data folder {path} is in use by process {pid}. Stop that process, or choose another folder with "
            "--data.",
            ended=False,
        )
    os.ftruncate(owner, 0)
    os.pwrite(owner, f"{os.getpid()}\n".encode(), 0)
    return owner


def share(path: Path) -> int:
    """The lock that every child inherits: it is held until the last of them has ended."""
    shared = _open_locked(path / SHARED)
    if shared is None:
        raise FolderInUse(
            f"The data folder {path} is still in use by parts of a process that was killed. End its Kafka (java) and "
            "PostgreSQL (postgres), or choose another folder with --data.",
            ended=True,
        )
    return shared


def _open_locked(file: Path) -> int | None:
    """The descriptor of the file, locked; None when another process has the lock."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor
