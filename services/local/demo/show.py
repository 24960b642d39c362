"""Runs the demo on a machine that is already up: who lives in it, and the table until it is stopped."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live

from services.agreements.loading import load
from services.agreements.model import Agreements
from services.local import keys
from services.local.addresses import Addresses
from services.local.demo.chronicle import Chronicle
from services.local.demo.departments import DemoDepartment
from services.local.demo.table import render
from services.local.demo.teams import DemoTeam
from services.runtime.service import Running
from services.runtime.settings import Settings

REFRESH_SECONDS = 1.0
SNAPSHOT_SECONDS = 15.0
"""How often a table is printed where the output is no terminal."""


class Demo:
    """The town's teams and departments, and what they did."""

    def __init__(self, settings: Settings, addresses: Addresses, folder: Path, chronicle: Chronicle) -> None:
        self.agreements: Agreements = load(settings.agreements)
        self.chronicle = chronicle
        self._folder = folder
        self._gateway = addresses.gateway
        self.operator = self._client("operator")
        self._clients = [self.operator]
        inside = folder / "demo"
        inside.mkdir(mode=0o700, exist_ok=True)
        self._departments = [
            DemoDepartment(settings, code, _source(department.sources, self.agreements.source), inside, chronicle)
            for code, department in self.agreements.departments.items()
        ]
        self._teams = [self._team(settings, number, code) for number, code in enumerate(self.agreements.teams)]
        self._running = Running([*self._departments, *self._teams])

    async def run(self, stopped: asyncio.Event, console: Console) -> None:
        """Live until `stopped`, with the table on the console."""
        try:
            async with self._running:
                await self._take_up()
                show = self._live if console.is_terminal else self._snapshots
                await show(stopped, console)
        finally:
            await asyncio.gather(*(client.aclose() for client in self._clients))

    async def _take_up(self) -> None:
        """What an earlier demo left open is answered after all."""
        for department in self._departments:
            parameters: dict[str, Any] = {"department": department.code, "limit": 500}
            for state in ("waiting", "acknowledged"):
                response = await self.operator.get("/v1/assignments", params=parameters | {"state": state})
                for item in response.json()["items"]:
                    department.take_up(item)

    async def _live(self, stopped: asyncio.Event, console: Console) -> None:
        with Live(console=console, auto_refresh=False) as live:
            await self._every(stopped, REFRESH_SECONDS, lambda table: live.update(table, refresh=True))

    async def _snapshots(self, stopped: asyncio.Event, console: Console) -> None:
        await self._every(stopped, SNAPSHOT_SECONDS, console.print)

    async def _every(self, stopped: asyncio.Event, seconds: float, show: Callable[[Any], None]) -> None:
        while True:
            show(render(self.agreements, await self._waits(), self.chronicle))
            try:
                await asyncio.wait_for(stopped.wait(), seconds)
            except TimeoutError:
                continue
            show(render(self.agreements, await self._waits(), self.chronicle))
            return

    async def _waits(self) -> list[dict[str, Any]]:
        response = await self.operator.get("/v1/waits", params={"limit": 500})
        items: list[dict[str, Any]] = response.raise_for_status().json()["items"]
        return items

    def _team(self, settings: Settings, number: int, code: str) -> DemoTeam:
        client = self._client(f"team:{code}")
        self._clients.append(client)
        return DemoTeam(settings, self.agreements.teams[code], number, client, self.chronicle)

    def _client(self, subject: str) -> httpx.AsyncClient:
        token = keys.token(self._folder, subject)
        return httpx.AsyncClient(
            base_url=self._gateway, headers={"authorization": f"Bearer {token}"}, timeout=httpx.Timeout(30)
        )


def _source(sources: tuple[str, ...], default: str) -> str:
    return sources[0].replace("*", "demo") if sources else default
