"""A machine that was lost comes back from its backup: the same waits, the same record, and the loop goes on."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Local, until

DONE = {"outcome": "solved", "explanation": "the pond may stay", "by": "clerk"}
CONTACT = {"contact": {"role": "clerk", "reach": "14 020"}, "by": "clerk"}


def emit(local: Local, title: str) -> str:
    named = ("--team", "noord", "--neighbourhood", "WK999901", "--title", title)
    done = local.command("emit", "initiative-blocked", *named, "initiative=A pond", "blockedBy=permit", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["signal"])


def assignment(local: Local, signal: str) -> dict[str, Any] | None:
    with local.client("department:permits") as client:
        found = client.get("/v1/assignments", params={"department": "permits"}).json()["items"]
    return next((one for one in found if one["signal"] == signal), None)


def answer(local: Local, signal: str, verb: str, body: dict[str, Any]) -> None:
    found = until(lambda: assignment(local, signal))
    with local.client("department:permits") as client:
        key = {"idempotency-key": str(uuid.uuid4())}
        assert client.post(f"/v1/assignments/{found['id']}/{verb}", json=body, headers=key).status_code == 202


def state(local: Local, signal: str, wanted: str) -> bool:
    return bool(until(lambda: (assignment(local, signal) or {}).get("state") == wanted))


def words(*commands: str, local: Local) -> Any:
    done = local.command(*commands, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(300)
def test_a_machine_that_was_lost_comes_back_from_its_backup_and_the_loop_goes_on(start: Any, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "town.tar.gz", tmp_path / "elsewhere"
    first = start()
    kept, later = emit(first, "Koi"), emit(first, "More koi")
    answer(first, kept, "acknowledge", CONTACT)
    assert state(first, kept, "acknowledged")
    running = first.command("backup", str(file))
    assert running.returncode == 1
    assert "in use" in running.stderr
    heads = words("verify", local=first)["heads"]
    first.stop()
    assert words("backup", str(file), local=first)["parts"]["postgres"]["files"] > 100
    shutil.rmtree(first.folder)
    first.folder = elsewhere  # where its commands look from now on
    assert words("restore", str(file), "--dry-run", local=first)["parts"]["kafka"]["files"] > 10
    assert not elsewhere.exists()
    words("restore", str(file), local=first)
    second = Local(elsewhere)
    try:
        assert words("verify", local=second)["heads"] == heads
        assert state(second, kept, "acknowledged")
        answer(second, kept, "resolve", DONE)
        assert state(second, kept, "resolved")
        answer(second, later, "acknowledge", CONTACT)
        assert state(second, emit(second, "New koi"), "waiting")
        rebuilt = words("rebuild", local=second)
        assert (rebuilt["signals"], rebuilt["differences"]) == (3, 0)
    finally:
        assert second.stop() == 0
