"""A journal in a folder: each handled event is in the file before the next is taken in, and soon on the disk.

A line outlives the process as soon as it is written, and the machine once the disk has it. Asking the disk takes as
long as a hundred small events. So an event that comes alone, or whose handler takes its time, is on the disk before
the next one is taken in; events that follow each other faster share one asking, which goes on beside them.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from services.department.journal import EventKey, JournalError
from services.department.lines import Lines

KEEP = 200_000
"""How many events are remembered: at a hundred a day, five years. The oldest are forgotten first."""
SLACK = 2
"""The file is written anew once it holds this many times what is kept."""
SYNC_SECONDS = 0.02
"""Events that are handled faster than this share one asking of the disk, so much later."""
UNSYNCED_SECONDS_MAX = 1.0
"""A disk that takes longer is waited for."""

_log = logging.getLogger(__name__)


class FileJournal:
    """Append-only, in `folder` (`handled.jsonl`), for one process at a time on one machine."""

    def __init__(self, folder: Path, *, keep: int = KEEP, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self.folder = folder
        self._keep = keep
        self._clock = clock
        self._handled: dict[EventKey, None] = {}  # in the order in which they were handled
        self._lines = Lines(folder / "handled.jsonl")
        self._written = 0
        self._lock = -1
        self._noted_at = self._clean_at = float("-inf")
        self._unsynced = False
        self._since: list[EventKey] | None = None
        """What was noted since the file is being written anew."""
        self._mending = asyncio.Lock()
        self._syncing: asyncio.Task[None] | None = None

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
        """Have all on the disk and let go of the folder; harmless when not open."""
        try:
            await self._sync()
        except OSError as error:
            _log.warning("The last lines of the journal in %s may not be on the disk: %s", self.folder, error)
        self._lines.close()
        descriptor, self._lock = self._lock, -1
        if descriptor >= 0:
            os.close(descriptor)

    def taking_in(self, event: EventKey) -> "_TakingIn":
        """See `Journal.taking_in`; the entry is the event's own key. A disk that fails is an `OSError`: tried again."""
        return _TakingIn(self, event)

    @property
    def is_ready(self) -> bool:
        """Open, and in step with the file."""
        return self._lines.is_open

    async def ready(self) -> None:
        """Open, and in step with the file: after a write that failed it is read again."""
        if self._lock < 0:
            raise JournalError("The journal is not open")
        if not self._lines.is_open:
            async with self._mending:
                if not self._lines.is_open:
                    await asyncio.to_thread(self._read)

    def holds(self, event: EventKey) -> bool:
        """Whether the event was handled before."""
        return event in self._handled

    def note(self, event: EventKey) -> bool:
        """The event was handled, and is in the file when this returns; whether `settle` is to be awaited, too."""
        self._lines.append(event)
        now = self._clock()
        if not self._unsynced:
            self._unsynced, self._clean_at = True, now
        self._written += 1
        self._handled[event] = None
        if self._since is not None:
            self._since.append(event)
        if len(self._handled) > self._keep:
            del self._handled[next(iter(self._handled))]
        quick, self._noted_at = now - self._noted_at < SYNC_SECONDS, now
        if not quick or now - self._clean_at > UNSYNCED_SECONDS_MAX or self._written > self._keep * SLACK:
            return True
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync_soon())
        return False

    async def settle(self) -> None:
        """Have all on the disk, and the file small."""
        await self._sync()
        async with self._mending:
            if self._written > self._keep * SLACK:
                await self._compact()

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

    async def _sync_soon(self) -> None:
        """Beside the handlers. After an error the next event has it tried again."""
        with contextlib.suppress(OSError):
            while self._unsynced:
                await asyncio.sleep(SYNC_SECONDS)
                await self._sync_now()
        self._syncing = None

    async def _sync(self) -> None:
        """Every line is on the disk when this returns."""
        if self._syncing is not None:
            await asyncio.wait([self._syncing])
        await self._sync_now()

    async def _sync_now(self) -> None:
        if not self._unsynced:
            return
        self._unsynced = False  # what is written from now on is for the next time
        try:
            await asyncio.to_thread(self._lines.sync)
        except OSError:
            self._unsynced = True
            raise

    async def _compact(self) -> None:
        """Write the file anew with what is kept; what other handlers note meanwhile comes behind it."""
        kept = [*self._handled]
        self._since = []
        try:
            await asyncio.to_thread(self._lines.draft, kept)
            self._lines.adopt(self._since)
        except OSError as error:
            _log.warning("The journal in %s could not be made smaller: %s", self.folder, error)
        else:
            self._written = len(kept) + len(self._since)
        finally:
            self._since = None


class _TakingIn:
    """The handling of one event. A class of its own, since a generator costs more than all else that is done here."""

    __slots__ = ("_event", "_journal", "_new")

    def __init__(self, journal: FileJournal, event: EventKey) -> None:
        self._journal = journal
        self._event = event
        self._new = False

    async def __aenter__(self) -> EventKey | None:
        if not self._journal.is_ready:
            await self._journal.ready()
        self._new = not self._journal.holds(self._event)
        return self._event if self._new else None

    async def __aexit__(self, error: object, *_: object) -> None:
        if error is None and self._new and self._journal.note(self._event):
            await self._journal.settle()
