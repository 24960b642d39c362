"""Kafka and PostgreSQL of one machine, started together in one data folder and stopped with the process that did."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

from services.local.children import Children, Command
from services.local.faults import PartDied, PartError
from services.local.folder import Folder
from services.local.kafka import Kafka
from services.local.postgres import Postgres

PATIENCE = 180.0
"""Seconds that a part may take to answer: a broker with 1,200 partitions needs 15 after `kill -9`."""
_PAUSE = 0.05
_TELL = 5.0
_TAIL = 3000


class Part(Protocol):
    """What Kafka and PostgreSQL have in common."""

    name: str
    logs: tuple[Path, ...]

    def prepare(self, progress: Callable[[str], None]) -> None: ...
    def command(self) -> Command: ...
    async def answers(self) -> bool: ...
    def release(self) -> None: ...


class Parts:
    """The parts of one machine: `await start()`, or `async with Parts(…)`. Needs a running event loop.

    `kafka` ("host:port") and `database` (a URL with its password) are there once started. `died` is done, with the
    error that says why, when a part ends by itself.
    """

    def __init__(
        self,
        folder: Path,
        kafka_port: int = 9092,
        database_port: int = 5432,
        progress: Callable[[str], None] = lambda _: None,
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

        Raises `FolderInUse`, `PortInUse`, `JarRefused`, `PartDied` or another `PartError`; then nothing is left running.
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
        self.folder = await asyncio.to_thread(Folder.open, self._path, self._progress)
        kafka = Kafka(self.folder, self._wanted[0], cache=self._jar_cache)
        self._parts.append(kafka)
        postgres = Postgres(self.folder, self._wanted[1])
        self._parts.append(postgres)
        self._children = Children(self.folder.lock)
        await self._children.start()
        self._mourner = asyncio.create_task(self._mourn(self._children))
        raising = [asyncio.create_task(self._raise(part, self._children)) for part in self._parts]
        try:
            await self._unless_died(raising)
        finally:
            for task in raising:
                task.cancel()
            await asyncio.gather(*raising, return_exceptions=True)
        self.kafka, self.database = kafka.address, postgres.address

    async def _unless_died(self, raising: list[asyncio.Task[None]]) -> None:
        """Wait for every task; the first error, or death of a part, ends the wait."""
        together = asyncio.gather(*raising)
        await asyncio.wait({together, self.died}, return_when=asyncio.FIRST_COMPLETED)
        if together.done():
            together.result()
        else:
            together.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await together
            raise self.died.result()

    async def _raise(self, part: Part, children: Children) -> None:
        begun = time.monotonic()
        await asyncio.to_thread(part.prepare, self._progress)
        self._progress(f"Starting {part.name}")
        await children.launch(part.command())
        told = time.monotonic()
        while not await part.answers():
            await asyncio.sleep(_PAUSE)
            if time.monotonic() - begun > PATIENCE:
                raise PartError(f"{part.name} does not answer after {PATIENCE:.0f} seconds.\n{_tail(part)}")
            if time.monotonic() - told > _TELL:
                told = time.monotonic()
                self._progress(f"{part.name} reads its data ({told - begun:.0f} s)")
        part.release()
        self._progress(f"{part.name} is ready ({time.monotonic() - begun:.1f} s)")

    async def _mourn(self, children: Children) -> None:
        name, code = await children.ended
        part = next((part for part in self._parts if part.name == name), None)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.died.set_result(PartDied(name, f"{name} ended by itself ({how}).\n{_tail(part) if part else ''}".rstrip()))


def _tail(part: Part) -> str:
    """The last of each of its logs."""
    tails = []
    for log in part.logs:
        with contextlib.suppress(FileNotFoundError):
            text = log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
            tails.append(f"{log}:\n{text or '(empty)'}")
    return "\n".join(tails)
