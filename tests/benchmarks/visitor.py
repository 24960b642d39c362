"""A caller of the gateway and a Prometheus: a little of what comes by HTTP, for as long as the machine runs."""

import asyncio
import itertools
import uuid
from collections.abc import Mapping
from pathlib import Path

import httpx

from services.local import keys
from tests.benchmarks import loop_town

EVERY_SECONDS = 1.0
SCRAPE_EVERY = 15
"""Of the metrics, in turns: as often as Prometheus would."""
_READS = ("/v1/signals?limit=20", "/v1/assignments?limit=20&department=permits", "/v1/waits", "/v1/precedents")


class Visitor:
    """Sends one signal a second and reads one list, until it is cancelled."""

    def __init__(self, found: Mapping[str, str], folder: Path) -> None:
        self._found = found
        self._tokens = {who: keys.token(folder, who, lifetime_seconds=86_400) for who in ("team:noord", "operator")}
        self.sent = 0
        self.failed: dict[str, int] = {}

    async def run(self) -> None:
        """Visit for ever; a call that fails is counted by what it was answered, and the next one is made."""
        async with httpx.AsyncClient(base_url=self._found["gateway"], timeout=30) as client:
            for turn in itertools.count():
                try:
                    await self._visit(client, turn)
                except httpx.HTTPError as error:
                    what = type(error).__name__
                    self.failed[what] = self.failed.get(what, 0) + 1
                await asyncio.sleep(EVERY_SECONDS)

    async def _visit(self, client: httpx.AsyncClient, turn: int) -> None:
        _, event = loop_town.signal(0, id_=str(uuid.uuid4()))
        headers = {"authorization": f"Bearer {self._tokens['team:noord']}"}
        answer = await client.post(
            "/v1/events", json=event, headers=headers | {"content-type": "application/cloudevents+json"}
        )
        answer.raise_for_status()
        self.sent += 1
        reader = {"authorization": f"Bearer {self._tokens['operator']}"}
        (await client.get(_READS[turn % len(_READS)], headers=reader)).raise_for_status()
        if turn % SCRAPE_EVERY == 0:
            (await client.get(self._found["metrics"])).raise_for_status()
