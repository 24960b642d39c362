"""A journal in a folder: each handled event is on the disk before the next is taken in."""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.department.journal import EventKey, JournalError
from services.department.lines import Lines

KEEP = 200_000
"""How many events are remembered: at a hundred a day, five years. The oldest are forgotten first."""
SLACK = 2
"""The file is written anew once it holds this many times what is kept."""

_log = logging.getLogger(__name__)


class FileJournal:
    """Append-only, in `folder` (`handled.jsonl`), for one process at a time on one machine."""

    def __init__(self, folder: Path, *, keep: int = KEEP) -> None:
        self.folder = folder
        self._keep = keep
        self._handled: dict[EventKey, None] = {}  # in the order in which they were handled
        self._lines = Lines(folder / "handled.jsonl")
        self._written = 0
        self._lock = -1

    async def open(self) -> None:
        """Read what was handled; raises `JournalError` when another process has the folder or it is damaged."""
        if self._lock >= 0:
            raise JournalError(f"The journal in {self.folder} is open already")
        try:
            await asyncio.to_thread(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the folder; harmless when not open."""
        self._lines.close()
        descriptor, self._lock = self._lock, -1
        if descriptor >= 0:
            os.close(descriptor)

    @asynccontextmanager
    async def taking_in(self, event: EventKey) -> AsyncIterator[EventKey | None]:
        """See `Journal.taking_in`; the entry is the event's own key. A disk that fails is an `OSError`: tried again."""
        if self._lock < 0:
            raise JournalError("The journal is not open")
        if not self._lines.is_open:
            await asyncio.to_thread(self._read)
        if event in self._handled:
            yield None
            return
        yield event
        await asyncio.to_thread(self._append, event)

    def _open(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError:
            raise JournalError(
                f"The journal in {self.folder} is in use by another process. Stop that one, or give this its own."
            ) from None
        except OSError as error:
            raise JournalError(f"The journal in {self.folder} cannot be used: {error.strerror}") from error

    def _read(self) -> None:
        events = self._lines.open()
        self._written = len(events)
        self._handled = dict.fromkeys(events[-self._keep :])

    def _append(self, event: EventKey) -> None:
        self._lines.append(event)
        self._written += 1
        self._handled[event] = None
        if len(self._handled) > self._keep:
            del self._handled[next(iter(self._handled))]
        if self._written > self._keep * SLACK:
            self._compact()

    def _compact(self) -> None:
        try:
            self._lines.keep(iter(self._handled))
        except OSError as error:
            _log.warning("The journal in %s could not be made smaller: %s", self.folder, error)
        else:
            self._written = len(self._handled)
