"""The journal of a department: which events it has handled, so that each is taken in once.

Reading is at least once: after a crash, a rebalance or a `koikarper redeliver` an event comes again. The journal says
that it was handled before. `FileJournal` is the one that needs nothing; a department that keeps its work in a
database writes a `Journal` of its own there, in the same transaction as that work (`README.md` shows one).
"""

from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from services.runtime.errors import KoikarperError


class EventKey(NamedTuple):
    """What identifies an event for ever."""

    source: str
    id: str


class JournalError(KoikarperError):
    """The journal cannot be used; the text says why and what to do."""


class Journal(Protocol):
    """Remembers which events were handled."""

    async def open(self) -> None:
        """Make it ready; raises `JournalError` when it cannot be used."""

    async def close(self) -> None:
        """Let go of it; harmless when not open."""

    def taking_in(self, event: EventKey) -> AbstractAsyncContextManager[Any]:
        """Handle one event inside `async with`; the handler runs in its body.

        Gives None when the event was handled before: then nothing is done. Otherwise gives anything but None, which
        the handler finds as `desk.entry`: a database's journal gives its connection, with a transaction open. When
        the body ends without an error the event counts as handled; after an error it does not. An error of
        infrastructure must be a `TransientError` or an `OSError`, or it counts as the record's own fault.
        """
        ...
