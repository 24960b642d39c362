"""The services of a run, each in a process of its own, watched over as a cluster does: who dies is started again."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from tests.faults import worker
from tests.faults.worker import SESSION_SECONDS, Order

FROZEN_SECONDS = SESSION_SECONDS + 2
"""How long a worker stays frozen: longer than its session, so that another has its partitions by then."""
LOOK_SECONDS = 0.1
AGAIN_SECONDS = 0.3
"""Between a death and the next start."""
STOP_SECONDS = 20

Trap = tuple[str, int, signal.Signals]


def starter() -> ForkServerContext:
    """Forks workers off a process that has everything imported: real processes, started in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.worker"])
    return context


@dataclass
class Worker:
    """One worker, and what is to become of it."""

    service: str
    settings: dict[str, Any]
    traps: list[Trap] = field(default_factory=list)
    process: ForkServerProcess | None = None
    wanted: bool = True
    frozen_since: float | None = None
    again_at: float = 0.0


class Crew:
    """All workers of a run, by names such as `ledger-0`."""

    def __init__(self, settings: Mapping[str, Any], log: Path, build: str = "") -> None:
        self._context = starter()
        self._settings = dict(settings)
        self._log = log
        self._build = build
        self.workers: dict[str, Worker] = {}
        self.deaths: Counter[str] = Counter()
        """How often a worker was started again, by service."""
        self._task: asyncio.Task[None] | None = None

    def add(self, service: str, label: str, traps: Sequence[Trap] = (), **settings: Any) -> str:
        """Start one more; answers with its name. Its instance is its label, unless `settings` say otherwise."""
        name = f"{service}-{label}"
        own = self._settings | {"instance": label, "metrics_port": 0} | settings
        self.workers[name] = Worker(service, own, list(traps))
        self._begin(name)
        return name

    def watch(self) -> None:
        """Begin to watch over them."""
        self._task = asyncio.create_task(self._watch())

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a worker, if it lives."""
        process = self.workers[name].process
        if process is not None and process.pid is not None and process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)

    def use(self, **settings: Any) -> None:
        """What every worker is started with from now on."""
        self._settings |= settings
        for one in self.workers.values():
            one.settings |= settings

    async def stop(self, name: str) -> None:
        """Stop one cleanly, for good."""
        one = self.workers[name]
        one.wanted = False
        await self._stop(name, one)
        del self.workers[name]

    async def restart(self, name: str) -> None:
        """Stop one cleanly and start it again."""
        one = self.workers[name]
        one.wanted = False
        await self._stop(name, one)
        one.wanted = True
        self._begin(name)

    async def kill_all(self) -> None:
        """The end of a run: nobody is started again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for name in self.workers:
            self.signal(name, signal.SIGKILL)
        for one in self.workers.values():
            if one.process is not None:
                await asyncio.to_thread(one.process.join)
                one.process.close()
                one.process = None
        self.workers.clear()

    async def thawed(self) -> None:
        """Wait until nobody is frozen, and until who was has done what it had in hand."""
        while any(one.frozen_since is not None for one in self.workers.values()):  # noqa: ASYNC110 - another task looks
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(1)

    def traps_sprung(self) -> Counter[str]:
        """How often a worker stepped into the trap at each point."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return Counter(line.removeprefix("TRAP ") for line in lines if line.startswith("TRAP "))

    async def _stop(self, name: str, one: Worker) -> None:
        self.signal(name, signal.SIGCONT)
        self.signal(name, signal.SIGTERM)
        if one.process is not None:
            await asyncio.to_thread(one.process.join, STOP_SECONDS)
            self.signal(name, signal.SIGKILL)
            await asyncio.to_thread(one.process.join)

    def _begin(self, name: str) -> None:
        one = self.workers[name]
        trap = one.traps.pop(0) if one.traps else None
        order = Order(one.service, one.settings, self._log, trap, self._build)
        one.process = self._context.Process(target=worker.run, args=(order,), name=name, daemon=True)
        one.process.start()
        one.frozen_since = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for name, one in list(self.workers.items()):
                self._look(name, one, now)

    def _look(self, name: str, one: Worker, now: float) -> None:
        if not one.wanted or one.process is None or one.process.pid is None:
            return
        if not one.process.is_alive():
            if not one.again_at:
                self.deaths[one.service] += 1
                one.again_at = now + AGAIN_SECONDS
            elif now >= one.again_at:
                one.again_at = 0.0
                self._begin(name)
            return
        if not _is_stopped(one.process.pid):
            one.frozen_since = None
        elif one.frozen_since is None:
            one.frozen_since = now
        elif now - one.frozen_since >= FROZEN_SECONDS:
            self.signal(name, signal.SIGCONT)


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
