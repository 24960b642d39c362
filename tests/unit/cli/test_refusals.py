"""What the gateway refuses is said in a line, never as a traceback of this program."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from services.cli import build, connection
from services.department.client import Client

NOWHERE = ("--gateway=http://127.0.0.1:9", "--token=any")
EMIT = ("emit", "initiative-blocked", "--team=noord", "--source=urn:nld:oin:00000099000000001000:systeem:x")


def run(tmp_path: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(build(), [*arguments, *NOWHERE, f"--data-folder={tmp_path}"])
    assert isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("command", [EMIT, ("waits",), ("inbox", "permits")])
def test_a_gateway_that_does_not_answer_is_named_with_what_to_do(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "No gateway answers at http://127.0.0.1:9" in done.stderr
    assert "koikarper local" in done.stderr


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(HTTPStatus.BAD_REQUEST, 2), (HTTPStatus.FORBIDDEN, 1), (HTTPStatus.SERVICE_UNAVAILABLE, 1)],
)
@pytest.mark.parametrize("command", [EMIT, ("waits",)])
def test_a_refusal_is_a_line_for_people_and_the_problem_for_programs(
    status: HTTPStatus, exit_code: int, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = {"status": int(status), "detail": "It cannot be."}
    answer = httpx.MockTransport(lambda _: httpx.Response(status, json=problem))
    monkeypatch.setattr(connection, "Client", lambda url, token: Client(url, token, transport=answer))
    done = run(tmp_path, *command, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (exit_code, problem)
    assert done.stderr.startswith("It cannot be.")
