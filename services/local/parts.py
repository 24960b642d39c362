"""Kafka and PostgreSQL of one machine, started together in one data folder and stopped with the process that did."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from services.local.children import Children
from services.local.faults import FolderInUse, PartDied, PartError
from services.local.folder import Folder
from services.local.kafka import Kafka
from services.local.part import Part, Progress, tail
from services.local.postgres import Postgres

PATIENCE = 180.0
"""Seconds that a part may take to answer: a broker with 1,200 partitions needs 15 after `kill -9`."""
STOPPING = 30.0
"""Seconds that the parts of a killed process may take to stop: the watchdog's 20, and some air."""
_ENDING = 0.5
"""Seconds that a killed process may take to be gone itself."""
_PAUSE = 0.05
_TELL = 5.0


class Parts:
    """The parts of one machine: `await start()` once, or `async with Parts(…)`. Needs a running event loop.

    `kafka` ("host:port") and `database` (a URL with its password) are there once started. `died` is done, with the
    error that says why, when a part ends by itself: look at it beside your own work, and stop.
    """

    def __init__(
        self,
        folder: Path,
        kafka_port: int = 9092,
        database_port: int = 5432,
        progress: Progress = lambda _: None,
        *,
        jar_cache: Path | None = None,
    ) -> None:
        """`folder` is made where needed; a port 0 is any free port; `progress` is told in sentences what is done."""
        self._path = folder
        self._wanted = kafka_port, database_port
        self._progress = progress
        self._jar_cache = jar_cache
        self._parts: list[Part] = []
        self._children: Children | None = None
        self._mourner: asyncio.Task[None] | None = None
        self.folder: Folder | None = None
        self.kafka = ""
        self.database = ""
        self.died: asyncio.Future[PartDied] = asyncio.get_running_loop().create_future()

    @property
    def pids(self) -> Mapping[str, int]:
        """Process numbers by name: `Kafka`, `PostgreSQL`, `watchdog`."""
        return dict(self._children.pids) if self._children else {}

    async def start(self) -> None:
        """Start both and return when both answer.

        Raises `FolderInUse`, `PortInUse`, `JarRefused`, `PartDied` or another `PartError`; then nothing of it is left.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop both cleanly, within 20 seconds; more than once is harmless. The data stay."""
        if self._children is not None:
            await self._children.stop()
        if self._mourner is not None:
            self._mourner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._mourner
        for part in self._parts:
            part.release()
        if self.folder is not None:
            self.folder.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        self.folder = await self._open()
        self._parts.append(Kafka(self.folder, self._wanted[0], cache=self._jar_cache))
        self._parts.append(Postgres(self.folder, self._wanted[1]))
        self._children = Children(self.folder.lock, self.folder.log("watchdog.log"))
        await self._children.start()
        self._mourner = asyncio.create_task(self._mourn(self._children))
        await self._unless_died([asyncio.create_task(self._raise(part, self._children)) for part in self._parts])
        self.kafka, self.database = (part.address for part in self._parts)

    async def _open(self) -> Folder:
        """The folder; the parts of a process that was killed are waited for, and a process that is just ending."""
        begun = time.monotonic()
        told = False
        while True:
            try:
                return Folder.open(self._path)
            except FolderInUse as error:
                if time.monotonic() - begun > (STOPPING if error.ended else _ENDING):
                    raise
                if error.ended and not told:
                    self._progress("Waiting until the parts of a process that was killed have stopped")
                    told = True
            await asyncio.sleep(_PAUSE)

    async def _unless_died(self, raising: Sequence[asyncio.Task[None]]) -> None:
        """Wait for every task; the first error, or the death of a part, ends the wait and the tasks."""
        pending: set[asyncio.Future[Any]] = set(raising)
        try:
            while pending:
                done, pending = await asyncio.wait({*pending, self.died}, return_when=asyncio.FIRST_COMPLETED)
                if self.died in done:
                    raise self.died.result()
                for task in done:
                    task.result()
                pending.discard(self.died)
        finally:
            for task in raising:
                task.cancel()
            await asyncio.gather(*raising, return_exceptions=True)

    async def _raise(self, part: Part, children: Children) -> None:
        begun = time.monotonic()
        await asyncio.to_thread(part.prepare, self._from_a_thread())
        self._progress(f"Starting {part.name}")
        await children.launch(part.command())
        told = time.monotonic()
        while not await part.answers():
            await asyncio.sleep(_PAUSE)
            if time.monotonic() - begun > PATIENCE:
                raise PartError(f"{part.name} does not answer after {PATIENCE:.0f} seconds.\n{tail(part)}")
            if time.monotonic() - told > _TELL:
                told = time.monotonic()
                self._progress(f"{part.name} reads its data ({told - begun:.0f} s)")
        part.release()
        self._progress(f"{part.name} is ready ({time.monotonic() - begun:.1f} s)")

    def _from_a_thread(self) -> Progress:
        """Progress is always told on the event loop's own thread."""
        loop = asyncio.get_running_loop()

        def tell(text: str) -> None:
            loop.call_soon_threadsafe(self._progress, text)

        return tell

    async def _mourn(self, children: Children) -> None:
        name, code = await children.ended
        part = next((part for part in self._parts if part.name == name), None)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.died.set_result(PartDied(name, f"{name} ended by itself ({how}).\n{tail(part) if part else ''}".rstrip()))
