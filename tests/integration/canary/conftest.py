"""The whole loop on real Kafka and PostgreSQL, with a canary that goes round four times a second."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import text

from services.agreements.loading import load
from services.agreements.topics import topics
from services.canary import app as canary
from services.gateway import app as gateway
from services.ledger import app as ledger
from services.ledger.migrations import migrate
from services.metrics import app as metrics
from services.relay import app as relay
from services.runtime.database import engine
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from tests.integration.gateway.conftest import AGREEMENTS

PATIENCE_SECONDS = 60
SUCCESS = "koikarper_canary_last_success_timestamp_seconds"
ROUNDTRIP = "koikarper_canary_roundtrip_seconds"


@dataclass
class Loop:
    """Every service of one town, each of which a test can stop and start."""

    settings: Settings
    key: ECKey
    exporter: Any
    running: dict[str, Any] = field(default_factory=dict)

    async def start(self, name: str) -> None:
        build: Any = {"ledger": ledger, "relay": relay, "gateway": gateway, "canary": canary}[name].build
        service = build(self.settings)
        await service.start()
        self.running[name] = service
        if name == "gateway":  # and so it is found again at the same port
            port = int(service.url.rpartition(":")[2])
            self.settings = self.settings.model_copy(update={"gateway_port": port, "canary_gateway": service.url})

    async def stop(self, name: str) -> None:
        await self.running.pop(name).stop()

    def token(self, caller: str) -> str:
        kind, _, code = caller.partition(":")
        now = int(time.time())
        body = {"iss": "koikarper", "aud": "koikarper", "iat": now, "exp": now + 600, kind: code}
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, body, self.key)

    def renew_token(self, caller: str = "team:canary") -> None:
        assert self.settings.canary_token_file
        self.settings.canary_token_file.write_text(f"{self.token(caller)}\n")

    def client(self, caller: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.token(caller)}"}
        return httpx.AsyncClient(base_url=self.settings.canary_gateway, headers=headers, timeout=30)

    async def served(self, name: str) -> float | None:
        """What the exporter serves of a fresh snapshot."""
        await self.exporter.look()
        value: float | None = self.exporter.registry.get_sample_value(name)
        return value

    async def rows(self, query: str) -> list[Any]:
        database = engine(self.settings, pool_size=1)
        try:
            async with database.connect() as connection:
                return list(await connection.execute(text(query)))
        finally:
            await database.dispose()

    async def comes_round(self) -> float:
        """Wait until a round that began from now on has closed; when that was."""
        since = time.time()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                closed, took = await self.served(SUCCESS), await self.served(ROUNDTRIP)
                if closed is not None and took is not None and closed - took > since:
                    return closed
                await asyncio.sleep(0.1)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what services do is only seen from outside
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def loop(settings: Settings, tmp_path: Path) -> AsyncIterator[Loop]:
    key = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
    (tmp_path / "agreements.yaml").write_text(AGREEMENTS)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    own = {
        "agreements": tmp_path / "agreements.yaml",
        "jwks": str(tmp_path / "jwks.json"),
        "gateway_port": 0,
        "canary_every": timedelta(seconds=0.25),
        "canary_token_file": tmp_path / "canary-token",
    }
    settings = settings.model_copy(update=own)
    await asyncio.gather(migrate(settings), ensure(settings, topics(load(settings.agreements))))
    loop = Loop(settings, key, metrics.build(settings))
    loop.renew_token()
    try:
        for name in ("ledger", "relay", "gateway", "canary"):
            await loop.start(name)
        yield loop
    finally:
        for name in reversed(loop.running):
            await loop.running[name].stop()
        await loop.exporter.stop()
