"""How a process runs services: started in order, watched, and stopped in reverse."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import uvloop
from prometheus_client import CollectorRegistry

from services.runtime import health
from services.runtime.checks import Check, Service
from services.runtime.errors import KoikarperError
from services.runtime.http import HttpServer
from services.runtime.logging import configure
from services.runtime.settings import Settings

__all__ = ["Check", "HealthServer", "Running", "Service", "ServiceDied", "main", "run"]

_log = logging.getLogger(__name__)

WATCH_PAUSE_SECONDS = 5.0
STOP_TIMEOUT_SECONDS = 30.0
GC_THRESHOLDS = (20_000, 20, 50)


class ServiceDied(KoikarperError):  # noqa: N818 - says what happened
    """A service cannot go on; the process must end, so that whoever watches it starts a fresh one."""


class Running:
    """Services that run together. `died` gets a `ServiceDied` when one cannot go on: wait for it beside your own work.

    A start that fails stops what was started, in reverse, and raises. A stop that fails is logged, and the others are
    stopped all the same.
    """

    def __init__(self, services: Iterable[Service], *, watch_pause_seconds: float = WATCH_PAUSE_SECONDS) -> None:
        self.services: Sequence[Service] = tuple(services)
        self.died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started: list[Service] = []
        self._watch_pause_seconds = watch_pause_seconds
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start every service, in order."""
        try:
            for service in self.services:
                await service.start()
                self._started.append(service)
                _log.info("%s started", service.name)
        except BaseException:
            await self.stop()
            raise
        _settle_memory()
        self._watch = asyncio.create_task(self._watch_over())

    async def stop(self) -> None:
        """Stop every service that was started, in reverse; harmless when none was."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        while self._started:
            await _stopped(self._started.pop())
        if self.died.done() and not self.died.cancelled():
            self.died.exception()  # seen, whether or not somebody waited for it

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def ready(self) -> dict[str, list[Check]]:
        """The checks of every service."""
        return await health.readiness(self.services)

    async def _watch_over(self) -> None:
        while not self.died.done():
            await asyncio.sleep(self._watch_pause_seconds)
            for name, checks in (await self.ready()).items():
                dead = next((check for check in checks if check.fatal and not check.ok), None)
                if dead is not None and not self.died.done():
                    self.died.set_exception(ServiceDied(f"{name} died: {dead.name}: {dead.detail}"))


class HealthServer:
    """`/health/live`, `/health/ready` and `/metrics` on `host`:`metrics_port`, for everything in this process."""

    name = "health"

    def __init__(
        self, settings: Settings, ready: health.Readiness, registries: Iterable[CollectorRegistry] | None = None
    ) -> None:
        sources = [health.process_registry()] if registries is None else list(registries)
        self._server = HttpServer(
            health.app(ready, sources), host=settings.host, port=settings.metrics_port, setting="metrics_port"
        )

    @property
    def port(self) -> int:
        """The port that it listens on, once started."""
        return self._server.port

    async def start(self) -> None:
        """Listen; raises `PortError` when the port is in use."""
        await self._server.start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._server.stop()

    async def ready(self) -> list[Check]:
        """Nothing to say: who hears the answer sees that it serves."""
        return []


async def run(
    services: Iterable[Service],
    settings: Settings,
    *,
    registries: Iterable[CollectorRegistry] | None = None,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Run services until SIGTERM or SIGINT, with the health server beside them, from before they start.

    `/metrics` serves `registries`; when absent, those of this process and of each service that has a `registry`.

    `started` is called once all have started. Raises what a start raised, or `ServiceDied`; all is stopped by then.
    """
    running: Running

    async def ready() -> dict[str, list[Check]]:
        return await running.ready()

    services = list(services)
    sources = health.registries(services) if registries is None else registries
    running = Running([HealthServer(settings, ready, sources), *services])
    with _signals() as asked:
        starting = asyncio.create_task(running.start())
        asking = asyncio.create_task(_wait(asked))
        try:
            await asyncio.wait([starting, asking], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                return
            starting.result()
            started()
            await asyncio.wait([running.died, asking], return_when=asyncio.FIRST_COMPLETED)
            if running.died.done():
                running.died.result()
        finally:
            asking.cancel()
            await running.stop()


def main(
    build: Callable[[Settings], Iterable[Service]],
    settings: Settings,
    *,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Configure the log, and run what `build` makes, on uvloop, until the process is asked to stop."""
    configure(settings)

    async def live() -> None:
        await run(build(settings), settings, started=started)

    uvloop.run(live())


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, asked.set)
    try:
        yield asked
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _stopped(service: Service) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await service.stop()
    except Exception:  # noqa: BLE001 - one that does not stop must not keep the others from stopping
        _log.exception("%s did not stop in good order", service.name)
    else:
        _log.info("%s stopped", service.name)


def _settle_memory() -> None:
    """What is there after the start stays: the collector need not look at it again (10-30 %, engineering.md)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
