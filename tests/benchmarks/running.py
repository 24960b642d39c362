"""Services as operations run them, `koikarper run X`, in a town of their own with nothing in it."""

import asyncio
import secrets
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.agreements.loading import load
from services.agreements.topics import topics
from services.ledger.migrations import migrate
from services.local import keys
from services.local.parts import Parts
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from tests.benchmarks.commands import ROOT, command, environment

PATIENCE_SECONDS = 60


def town(parts: Parts, folder: Path, agreements: str, **more: Any) -> Settings:
    """The settings of a new town; `folder` keeps its agreements and the keys of its callers."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "agreements.yaml"
    file.write_text(agreements)
    own = f"b{secrets.token_hex(5)}"
    named: dict[str, Any] = {"topic_prefix": f"{own}.", "database_schema": own, "jwks": str(keys.jwks(folder))}
    named["metrics_port"] = free_port()
    return Settings(agreements=file, kafka=parts.kafka, database=SecretStr(parts.database), **named | more)


async def prepare(settings: Settings) -> None:
    """What an operator does before the services: tables and topics."""
    await migrate(settings)
    await ensure(settings, topics(load(settings.agreements)))


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def variables(settings: Settings) -> dict[str, str]:
    """The environment in which a service has these settings."""
    own: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        own[f"KOIKARPER_{name.upper()}"] = str(plain)
    return environment() | own


@asynccontextmanager
async def service(settings: Settings, name: str) -> AsyncIterator[Process]:
    """`koikarper run NAME`, from when it says that it is ready. Its log goes nowhere, but is written."""
    async with process(command("run", name), variables(settings)) as running:
        await ready(settings.metrics_port, running)
        yield running


@asynccontextmanager
async def process(arguments: Sequence[str], env: dict[str, str]) -> AsyncIterator[Process]:
    """A program in its own process, ended at the end."""
    running = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, env=env, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


async def ready(port: int, running: Process, path: str = "/health/ready") -> None:
    """Wait until the program answers that it is ready; RuntimeError when it ended."""
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if running.returncode is not None:
                raise RuntimeError(f"it ended with {running.returncode} before it was ready")
            try:
                if (await client.get(f"http://127.0.0.1:{port}{path}")).status_code < 300:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.01)
