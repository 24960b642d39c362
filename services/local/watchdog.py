"""The watchdog: starts the parts of one machine and sees to it that they end with the process that asked for them.

Run as a script of its own, with nothing but the standard library (`python -I -S watchdog.py LOCK PATIENCE`). Standard
input is a pipe from the parent: one JSON object per line names a program to start. When that pipe ends, for whatever
reason (`kill -9` too), every child gets its own signal to stop, and SIGKILL after PATIENCE seconds. Standard output
tells the parent what started and ended. LOCK is the descriptor of the data folder's lock, which every child inherits.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOK = 1.0
"""Seconds between two looks at whether the parent is still there, besides the pipe that a fork of it can keep open."""
_PR_SET_PDEATHSIG = 1


class Watchdog:
    """Keeps the children of one parent. One thread, so that Linux can end them when even the watchdog is killed."""

    def __init__(self, lock: int, patience: float) -> None:
        self._lock = lock
        self._patience = patience
        self._parent = os.getppid()
        self._children: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
        self._rest = b""
        self._kill_at: float | None = None

    def run(self) -> None:
        """Serve the parent until it lets go and every child has ended."""
        awake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(awake, selectors.EVENT_READ)
            while self._kill_at is None or self._children:
                for key, _ in selector.select(LOOK):
                    data = os.read(key.fd, 65536)
                    if key.fd == 0 and not self._receive(data):
                        selector.unregister(0)
                        self._stop()
                if os.getppid() != self._parent:
                    self._stop()
                self._reap()
                self._lose_patience()

    def _receive(self, data: bytes) -> bool:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._start(json.loads(line))
        return bool(data)

    def _start(self, order: dict[str, Any]) -> None:
        name = order["name"]
        try:
            with Path(order["log"]).open("ab") as log:
                child = self._popen(order, log.fileno())
        except (OSError, subprocess.SubprocessError) as error:
            _tell(name=name, event="failed", error=str(error))
            return
        self._children[name] = child, order["signal"]
        _tell(name=name, event="started", pid=child.pid)

    def _popen(self, order: dict[str, Any], log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the parent names the program
            order["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=order["env"],
            cwd=order["cwd"],
            pass_fds=(self._lock,),
            preexec_fn=_end_with_me(order["signal"]),  # noqa: PLW1509 - this process has one thread
            **order["account"],
        )

    def _stop(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._patience
            for child, number in self._children.values():
                child.send_signal(number)

    def _reap(self) -> None:
        for name, (child, _) in list(self._children.items()):
            if (code := child.poll()) is not None:
                del self._children[name]
                _tell(name=name, event="ended", code=code)

    def _lose_patience(self) -> None:
        if self._kill_at is not None and time.monotonic() > self._kill_at:
            for child, _ in self._children.values():
                child.kill()


def _tell(**event: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone; the children are still to be stopped
        os.write(1, json.dumps(event).encode() + b"\n")


def _end_with_me(number: int) -> Callable[[], None] | None:
    """On Linux: the kernel sends the child its signal when this process ends, were it by SIGKILL."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def main() -> None:
    """Watch. Signals are for the parent, which then lets go; ignoring them outright would make the children deaf."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    Watchdog(int(sys.argv[1]), float(sys.argv[2])).run()


if __name__ == "__main__":
    main()
