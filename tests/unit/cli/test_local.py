"""What `koikarper local` and `demo` say of themselves, and which ports they take."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.cli.local import show_addresses
from services.local.addresses import DEFAULT_FOLDER, Addresses


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed when everything runs."""
    show_addresses(
        Addresses("http://127.0.0.1:1", "http://127.0.0.1:2/metrics", "127.0.0.1:3", "postgresql://", "jwks.json", "s"),
        folder,
    )
    return capsys.readouterr().out


def test_the_commands_to_try_are_found_where_the_shell_does_not_know_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [".venv/bin/koikarper", "local"])
    assert "\n  .venv/bin/koikarper inbox permits\n" in shown(DEFAULT_FOLDER, capsys)


def test_the_commands_to_try_go_by_name_where_the_shell_knows_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "koikarper").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "koikarper"), "local"])
    assert "\n  koikarper waits\n" in shown(DEFAULT_FOLDER, capsys)


def test_the_commands_to_try_name_a_data_folder_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(tmp_path / "my data", capsys)
    assert text.count(f" --data-folder '{tmp_path}/my data'\n") == 3


@pytest.mark.parametrize("command", ["local", "demo"])
@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_wrong_use(command: str, port: str) -> None:
    done = CliRunner().invoke(build(), [command, "--kafka-port", port])
    assert done.exit_code == 2
    assert "--kafka-port" in done.stderr
