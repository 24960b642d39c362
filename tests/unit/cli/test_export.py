"""What is generated is committed as generated, and `--check` says how to mend what is not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli import export

SCHEMAS = Path(__file__).parents[3] / "schemas"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(export.app, list(map(str, arguments)))


@pytest.mark.parametrize("command", ["schemas", "asyncapi", "openapi"])
def test_the_committed_files_are_those_that_the_code_makes(command: str) -> None:
    result = run(command, "--check", "--to", SCHEMAS)
    assert result.exit_code == 0, f"{result.output}\nMend it with: koikarper export {command}, and commit schemas/"


@pytest.mark.parametrize("command", ["schemas", "asyncapi", "openapi"])
def test_a_folder_is_written_and_then_as_generated(command: str, tmp_path: Path) -> None:
    assert run(command, "--check", "--to", tmp_path).exit_code == 1
    assert not list(tmp_path.iterdir())
    assert run(command, "--to", tmp_path / "new").exit_code == 0
    assert run(command, "--check", "--to", tmp_path / "new").exit_code == 0


def test_a_file_that_differs_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    run("schemas", "--to", tmp_path)
    sheet = tmp_path / "topics" / "team.answers.yaml"
    sheet.write_text("topic: other\n")
    result = run("schemas", "--check", "--to", tmp_path)
    assert result.exit_code == 1
    assert f"{sheet} differs" in result.output
    assert f"koikarper export schemas --to {tmp_path}" in result.output
    assert sheet.read_text() == "topic: other\n"
    run("schemas", "--to", tmp_path)
    assert run("schemas", "--check", "--to", tmp_path).exit_code == 0


def test_what_is_not_generated_any_more_goes_and_what_was_written_by_hand_stays(tmp_path: Path) -> None:
    stale, example = tmp_path / "types" / "gone.json", tmp_path / "examples" / "x" / "valid-1.json"
    for path in (stale, example):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    assert f"{stale} is not generated any more" in run("schemas", "--check", "--to", tmp_path).output
    run("schemas", "--to", tmp_path)
    assert not stale.exists()
    assert example.exists()


def test_a_release_is_kept_only_when_asked(tmp_path: Path) -> None:
    run("schemas", "--to", tmp_path)
    assert not (tmp_path / "released").exists()
    run("schemas", "--release", "--to", tmp_path)
    assert [path.name for path in (tmp_path / "released").iterdir()] == [f"{export.VERSION}.json"]
