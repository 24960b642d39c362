"""The parent's side of the watchdog: start programs through it, hear when one ends, let go of them all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.local import watchdog
from services.local.faults import PartError

_SCRIPT = Path(watchdog.__file__).resolve()
PATIENCE = 20.0
"""Seconds between the signal to stop and SIGKILL."""
_GRACE = 5.0
"""Seconds beyond the watchdog's patience before it is itself given up."""


@dataclass(frozen=True)
class Command:
    """A program to run. `stop` is the signal that ends it cleanly; `account` are `subprocess` arguments (user …)."""

    name: str
    argv: Sequence[str]
    cwd: Path
    log: Path
    stop: signal.Signals
    env: Mapping[str, str] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)

    def order(self) -> bytes:
        """The line that asks the watchdog to start it."""
        order = {
            "name": self.name,
            "argv": list(self.argv),
            "cwd": str(self.cwd),
            "log": str(self.log),
            "signal": int(self.stop),
            "env": dict(self.env),
            "account": dict(self.account),
        }
        return json.dumps(order).encode() + b"\n"


class Children:
    """The programs of one start. `ended` is done with `(name, exit code)` when the first of them ends by itself."""

    def __init__(self, lock: int, log: Path) -> None:
        """`lock` is the descriptor that all of them inherit, `log` where the watchdog itself complains."""
        self._lock = lock
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._started: dict[str, asyncio.Future[int]] = {}
        self._stopping = False
        self.pids: dict[str, int] = {}
        self.ended: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start the watchdog, out of reach of the terminal's signals."""
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._process = await self._spawn(log)
        finally:
            os.close(log)
        self.pids["watchdog"] = self._process.pid
        self._listener = asyncio.create_task(self._listen())

    async def _spawn(self, log: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_SCRIPT), str(self._lock), str(PATIENCE)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,  # not ours: whoever reads ours to its end would wait for the watchdog
            cwd="/",
            start_new_session=True,
            pass_fds=(self._lock,),
        )

    async def launch(self, command: Command) -> int:
        """Start a program and return its process number. Raises `PartError` when it cannot be started."""
        assert self._process is not None  # noqa: S101 - `start` comes first; tells mypy so
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._started[command.name] = started
        self._process.stdin.write(command.order())
        with contextlib.suppress(ConnectionError):  # then the listener tells why
            await self._process.stdin.drain()
        return await started

    async def stop(self) -> None:
        """Let go: every program gets its signal, and SIGKILL after 20 seconds. Returns when all have ended."""
        self._stopping = True
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE + _GRACE)
        except TimeoutError:
            self._kill()
            await self._process.wait()
        if self._listener is not None:
            await self._listener

    async def _listen(self) -> None:
        assert self._process is not None  # noqa: S101 - as above
        assert self._process.stdout is not None  # noqa: S101 - as above
        async for line in self._process.stdout:
            self._hear(json.loads(line))
        self._hear({"name": "watchdog", "event": "ended", "code": await self._process.wait()})

    def _hear(self, event: dict[str, Any]) -> None:
        name = event["name"]
        waiting = self._started.pop(name, None)
        if event["event"] == "started":
            self.pids[name] = event["pid"]
            if waiting and not waiting.done():
                waiting.set_result(event["pid"])
        elif event["event"] == "failed":
            if waiting and not waiting.done():
                waiting.set_exception(PartError(f"{name} cannot be started: {event['error']}"))
        else:
            self._mourn(name, event["code"])

    def _mourn(self, name: str, code: int) -> None:
        self.pids.pop(name, None)
        if name == "watchdog" and not self._stopping:
            self._kill()
            for waiting in self._started.values():
                if not waiting.done():
                    waiting.set_exception(PartError(f"The watchdog ended (exit code {code}); see {self._log}."))
        if not self._stopping and not self.ended.done():
            self.ended.set_result((name, code))

    def _kill(self) -> None:
        """The watchdog is gone or stuck: end what it kept."""
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
