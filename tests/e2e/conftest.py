"""`koikarper local` as a user starts it: a process of its own, real parts, a folder of the test."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from services.local import keys

ROOT = Path(__file__).parents[2]
PORTS = [f"--{name}-port=0" for name in ("gateway", "metrics", "kafka", "database")]
START_SECONDS = 120


class Local:
    """A running `koikarper local`, and how to speak with it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        log = (folder.parent / f"{folder.name}.log").open("ab")
        command = [sys.executable, "-m", "services.cli", "local", "--json", f"--data={folder}", *PORTS, *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, env=environment())
        log.close()
        line = self.process.stdout.readline() if self.process.stdout else b""
        if not line:
            self.process.wait(timeout=60)
            raise RuntimeError((folder.parent / f"{folder.name}.log").read_text()[-4000:])
        self.addresses: dict[str, str] = json.loads(line)
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def client(self, subject: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {keys.token(self.folder, subject)}"}
        return httpx.Client(base_url=self.addresses["gateway"], headers=headers, timeout=30)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.cli", *arguments, f"--data-folder={self.folder}"]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment(), check=False
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)
        self._close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._close()
        return code

    def _close(self) -> None:
        if self.process.stdout:
            self.process.stdout.close()


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start a machine on a folder of this test; whatever still runs at its end is stopped."""
    started: list[Local] = []

    def starting(*options: str) -> Local:
        started.append(Local(tmp_path / "data", *options))
        return started[-1]

    yield starting
    for local in started:
        if local.process.poll() is None:
            local.stop()
        with contextlib.suppress(ValueError):
            local._close()


def until(found: Any, seconds: float = 30) -> Any:
    """Ask until there is an answer, and give it; the last one when time is up."""
    limit = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < limit:
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="session")
def wait_until() -> Any:
    return until
