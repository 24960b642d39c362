"""One service in a process of its own, as `koikarper run SERVICE` runs it; with a trap, a fault or a shifted clock."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import parent_process
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from services.gateway import app as gateway
from services.ledger import app as ledger
from services.relay import app as relay
from services.runtime import broker, membership, options
from services.runtime import clock as runtime_clock
from services.runtime.service import Service, main
from services.runtime.settings import Settings
from services.timekeeper import app as timekeeper
from tests.faults import broken, points

SESSION_SECONDS = 6
"""The least that a broker allows: a frozen worker loses its partitions after it."""
HOUR_SECONDS = 3600
FORTH, BACK = signal.SIGUSR1, signal.SIGUSR2
"""The clock of a worker goes an hour forth or back, as after a wrong time server."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run, and what is wrong with it."""

    service: str
    settings: dict[str, Any]
    log: Path
    trap: tuple[str, int, signal.Signals] | None = None
    """A point, the how-manyth time that it is reached, and what happens then."""
    build: str = ""
    """The name of a broken build; empty for the real one."""


class WallClock:
    """This process's wall clock, which can jump; the monotonic one cannot."""

    def __init__(self) -> None:
        self._real = time.time
        self._shift = 0

    def install(self) -> None:
        """Let everybody in this process see it, and let signals move it."""
        time.time = lambda: self._real() + self._shift
        vars(runtime_clock)["datetime"] = SimpleNamespace(now=lambda _zone: self.now())
        signal.signal(FORTH, lambda *_: self._move(HOUR_SECONDS))
        signal.signal(BACK, lambda *_: self._move(-HOUR_SECONDS))

    def now(self) -> datetime:
        """The present moment by it."""
        return datetime.now(UTC) + timedelta(seconds=self._shift)

    def _move(self, seconds: int) -> None:
        self._shift += seconds


def run(order: Order) -> None:
    """Run a service until it is stopped or killed: the target of a process."""
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the suite
    clock = WallClock()
    clock.install()
    _shorten()
    if order.build:
        broken.BUILDS[order.build]()
    if order.trap:
        point, hit, how = order.trap
        points.put(point, points.Trap(hit, how, lambda: _mark(point)))
    main(lambda settings: [_build(order.service, settings, clock.now)], Settings(**order.settings))


def _build(service: str, settings: Settings, clock: Callable[[], datetime]) -> Service:
    if service == "ledger":
        return ledger.build(settings)
    if service == "relay":
        return relay.build(settings)
    if service == "timekeeper":
        return timekeeper.build(settings, clock=clock)
    return gateway.build(settings, clock=clock)


def _shorten() -> None:
    """Waits of production in the size of a run: sessions, and how soon a new partition is seen."""
    consuming = options.consuming
    short = {"session_timeout_ms": SESSION_SECONDS * 1000, "heartbeat_interval_ms": 1000, "rebalance_timeout_ms": 8000}
    vars(membership)["consuming"] = lambda settings, service: consuming(settings, service) | short
    for module in (options, broker):
        vars(module).update(METADATA_AGE_MS_MAX=2000, REQUEST_TIMEOUT_MS=8000)


def _mark(point: str) -> None:
    sys.stdout.write(f"TRAP {point}\n")
    sys.stdout.flush()


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        sys.stderr.write("the suite is gone\n")
        os._exit(1)
