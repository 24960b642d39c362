"""The commands as a user starts them, in an environment with nothing but PATH and HOME."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PORTS = [f"--{name}-port=0" for name in ("gateway", "metrics", "kafka", "database")]


def environment() -> dict[str, str]:
    """Nothing but what a login gives."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def command(*arguments: str) -> list[str]:
    """The command line of `koikarper`."""
    return [sys.executable, "-m", "services.cli", *arguments]


@contextmanager
def local(folder: Path) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """A running `koikarper local`: its addresses and its process."""
    with subprocess.Popen(
        command("local", "--json", f"--data={folder}", *PORTS),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield json.loads(line), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def first_acknowledged_seconds(folder: Path) -> float:
    """Seconds from the start of `koikarper demo` until it says that the first assignment was acknowledged."""
    begun = time.monotonic()
    with subprocess.Popen(
        command("demo", f"--data={folder}", *PORTS),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for line in process.stderr or ():
                if "first assignment was acknowledged" in line:
                    return time.monotonic() - begun
            raise RuntimeError("the demo ended before an assignment was acknowledged")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def replay_seconds(folder: Path, log: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of the whole `koikarper replay`, parts started and stopped, and what it reported."""
    mapping = ROOT / "deploy" / "replay" / "receipt.yaml"
    begun = time.monotonic()
    done = subprocess.run(
        command("replay", str(log), f"--mapping={mapping}", f"--data={folder}", "--json"),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return time.monotonic() - begun, json.loads(re.findall(r"\{.*\}", done.stdout, re.DOTALL)[-1])
