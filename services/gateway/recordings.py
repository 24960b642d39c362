"""Waiting until the ledger has recorded an event (`Prefer: wait`): one question for all who wait at a time."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.reader import LedgerReader
from services.ledger.known import digests
from services.runtime.tasks import ended

WAIT_SECONDS_MAX = 30
PAUSE_SECONDS = 0.02
AWAY_PAUSE_SECONDS = 0.5

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:;[^,]*)?(?=,|$)", re.IGNORECASE | re.ASCII)

Key = tuple[str, str]
"""An event's source and id."""


@dataclass(slots=True, eq=False)
class _Waiter:
    missing: dict[Key, bytes]
    done: "asyncio.Future[None]"


class Recordings:
    """Knows who waits for which events; asks the ledger while anyone does."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._waiters: set[_Waiter] = set()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, events: Mapping[Key, bytes], seconds: float) -> bool:
        """Whether the ledger recorded all of these events, each with this digest, within so many seconds."""
        waiter = _Waiter(dict(events), asyncio.get_running_loop().create_future())
        if not waiter.missing:
            return True
        self._waiters.add(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                await waiter.done
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def stop(self) -> None:
        """Let nobody wait any longer."""
        await ended(self._task)

    async def _watch(self) -> None:
        while self._waiters:
            keys = {key for waiter in self._waiters for key in waiter.missing}

            async def ask(connection: AsyncConnection, keys: set[Key] = keys) -> dict[Key, bytes]:
                return await digests(connection, sorted(keys))

            found = await self._reader.ask(ask)
            for waiter in list(self._waiters):
                _note(waiter, found or {})
            await asyncio.sleep(PAUSE_SECONDS if found is not None else AWAY_PAUSE_SECONDS)


def _note(waiter: _Waiter, found: Mapping[Key, bytes]) -> None:
    for key, digest in found.items():
        if waiter.missing.get(key) == digest:
            del waiter.missing[key]
    if not waiter.missing and not waiter.done.done():
        waiter.done.set_result(None)


def wait_seconds(prefer: str | None) -> int | None:
    """The seconds of `Prefer: wait=N` (RFC 7240), at most 30; None when it is not asked, or makes no sense."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), WAIT_SECONDS_MAX) if found else None
