"""The health check of a container, as Docker runs it: a process of its own that asks this container's health server."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.runtime.checks import Check
from services.runtime.service import HealthServer
from services.runtime.settings import Settings


async def probe(checks: list[Check]) -> tuple[int | None, str]:
    async def ready() -> dict[str, list[Check]]:
        return {"ledger": checks}

    server = HealthServer(Settings(metrics_port=0), ready)
    await server.start()
    try:
        return await asked(server.port)
    finally:
        await server.stop()


async def asked(port: int) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.runtime.probe"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"], "KOIKARPER_HOST": "0.0.0.0", "KOIKARPER_METRICS_PORT": str(port)},  # noqa: S104 - as a container has it
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


async def test_what_is_ready_is_healthy() -> None:
    assert await probe([Check("kafka", ok=True)]) == (0, "ready")


async def test_what_is_not_ready_is_unhealthy_and_says_why() -> None:
    checks = [Check("kafka", ok=True), Check("database", ok=False, detail="no answer")]
    assert await probe(checks) == (1, "ledger: database: no answer")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"])
async def test_who_does_not_answer_or_answers_something_else_is_unhealthy(answer: bytes) -> None:
    async def strange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(strange, "127.0.0.1", 0) as server:
        code, said = await asked(server.sockets[0].getsockname()[1])
    assert code == 1
    assert "no answer from 127.0.0.1" in said
