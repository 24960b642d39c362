"""How a process runs services."""

import asyncio
import os
import signal
import socket

import httpx
import pytest

from services.runtime.checks import Check
from services.runtime.http import PortError
from services.runtime.service import Running, ServiceDied, run
from services.runtime.settings import Settings


class Noted:
    """A service that notes what happens to it in a list it shares."""

    def __init__(self, name: str, notes: list[str], *, start: Exception | None = None, stop: Exception | None = None):
        self.name, self.notes, self.checks = name, notes, [Check("works", ok=True)]
        self._start, self._stop = start, stop

    async def start(self) -> None:
        if self._start:
            raise self._start
        self.notes.append(f"start {self.name}")

    async def stop(self) -> None:
        self.notes.append(f"stop {self.name}")
        if self._stop:
            raise self._stop

    async def ready(self) -> list[Check]:
        return self.checks


def any_port() -> Settings:
    return Settings(metrics_port=0)


async def test_services_start_in_order_and_stop_in_reverse_at_sigterm() -> None:
    notes: list[str] = []
    services = [Noted("a", notes), Noted("b", notes)]
    await run(services, any_port(), started=lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert notes == ["start a", "start b", "stop b", "stop a"]


async def test_a_start_that_fails_stops_what_was_started_and_tells() -> None:
    notes: list[str] = []
    with pytest.raises(RuntimeError, match="no broker"):
        await run([Noted("a", notes), Noted("b", notes, start=RuntimeError("no broker"))], any_port())
    assert notes == ["start a", "stop a"]


async def test_a_signal_during_the_start_ends_it() -> None:
    notes: list[str] = []

    class Slow(Noted):
        async def start(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)

    await run([Noted("a", notes), Slow("slow", notes)], any_port())
    assert notes == ["start a", "stop a"]


async def test_a_service_that_dies_stops_the_process_with_its_reason() -> None:
    notes: list[str] = []
    service = Noted("ledger", notes)
    async with Running([service], watch_pause_seconds=0.01) as running:
        service.checks = [Check("consumer", ok=False, detail="too many dead letters", fatal=True)]
        with pytest.raises(ServiceDied, match="ledger died: consumer: too many dead letters"):
            await running.died
    assert notes == ["start ledger", "stop ledger"]


async def test_a_service_that_is_only_not_ready_goes_on() -> None:
    service = Noted("ledger", [])
    async with Running([service], watch_pause_seconds=0.001) as running:
        service.checks = [Check("database", ok=False)]
        await asyncio.sleep(0.05)
        assert not running.died.done()


async def test_a_stop_that_fails_keeps_no_other_from_stopping() -> None:
    notes: list[str] = []
    async with Running([Noted("a", notes), Noted("b", notes, stop=RuntimeError("stuck"))]):
        pass
    assert notes[-2:] == ["stop b", "stop a"]


async def test_a_port_in_use_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"Port {port}.*metrics_port"):
            await run([], Settings(metrics_port=port))


async def test_the_health_server_answers_while_services_start() -> None:
    seen: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    class Asks(Noted):
        async def start(self) -> None:
            async with httpx.AsyncClient() as client:
                seen.append((await client.get(f"http://127.0.0.1:{port}/health/live")).status_code)
            os.kill(os.getpid(), signal.SIGTERM)

    await run([Asks("asks", [])], Settings(metrics_port=port))
    assert seen == [200]
