"""How much memory there is for this process and its children."""

from __future__ import annotations

import os
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may take, as Linux tells it inside one: control groups of version 2 and 1."""


def memory_bytes() -> int:
    """The machine's memory, or what its container may take of it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for file in _LIMITS if (limit := _limit(file)))])


def _limit(file: Path) -> int | None:
    try:
        told = file.read_text("ascii").strip()
    except OSError:
        return None
    return int(told) if told.isdigit() else None  # `max`: none
