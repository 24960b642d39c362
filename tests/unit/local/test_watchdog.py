from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.local import watchdog

SOON = 15.0
STUBBORN = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]


class Driver:
    """A parent of the watchdog, one order at a time."""

    def __init__(self, folder: Path, patience: float) -> None:
        self.log = folder / "log"
        with (folder / "lock").open("w") as lock:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(watchdog.__file__), str(lock.fileno()), str(patience)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )

    def order(self, name: str, argv: list[str]) -> dict[str, Any]:
        order = {"name": name, "argv": argv, "cwd": "/", "log": str(self.log), "signal": int(signal.SIGTERM)}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({**order, "env": {"PATH": os.environ["PATH"]}, "account": {}}).encode())
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.heard()

    def heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextlib.contextmanager
def driven(folder: Path, patience: float = 20.0) -> Iterator[Driver]:
    driver = Driver(folder, patience)
    try:
        yield driver
    finally:
        driver.process.kill()
        driver.process.wait()
        for stream in (driver.process.stdin, driver.process.stdout):
            assert stream is not None
            stream.close()


def test_the_end_of_a_child_is_told_with_its_exit_code_and_its_words_are_in_the_log(tmp_path: Path) -> None:
    with driven(tmp_path) as driver:
        assert driver.order("one", ["sh", "-c", "echo words; exit 3"])["event"] == "started"
        assert driver.heard() == {"name": "one", "event": "ended", "code": 3}
        assert driver.log.read_text() == "words\n"


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with driven(tmp_path) as driver:
        told = driver.order("one", ["/no/such/program"])
        assert told["event"] == "failed"
        assert "/no/such/program" in told["error"]


def test_when_the_parent_lets_go_every_child_gets_its_signal_and_the_watchdog_ends(tmp_path: Path) -> None:
    with driven(tmp_path) as driver:
        for name in ("one", "two"):
            driver.order(name, ["sleep", "60"])
        driver.let_go()
        ended = [driver.heard(), driver.heard()]
        assert {event["name"]: event["code"] for event in ended} == {"one": -15, "two": -15}
        assert driver.process.wait(SOON) == 0


def test_a_child_that_does_not_heed_its_signal_is_killed_once_patience_ends(tmp_path: Path) -> None:
    with driven(tmp_path, patience=0.5) as driver:
        driver.order("stubborn", STUBBORN)
        while driver.log.read_text() != "ready\n":
            assert driver.process.poll() is None
        driver.let_go()
        assert driver.heard() == {"name": "stubborn", "event": "ended", "code": -9}
        assert driver.process.wait(SOON) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_watchdog_are_left_to_the_parent(tmp_path: Path, number: signal.Signals) -> None:
    with driven(tmp_path) as driver:
        child = driver.order("one", ["sleep", "60"])["pid"]
        driver.process.send_signal(number)
        assert driver.order("two", ["true"])["event"] == "started"  # it still serves
        assert psutil.Process(child).is_running()
        driver.let_go()
        assert driver.process.wait(SOON) == 0


def test_children_hear_their_signals_although_the_watchdog_does_not(tmp_path: Path) -> None:
    with driven(tmp_path) as driver:
        child = driver.order("one", ["sleep", "60"])["pid"]
        os.kill(child, signal.SIGINT)
        assert driver.heard() == {"name": "one", "event": "ended", "code": -2}
