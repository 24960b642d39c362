"""`koikarper export lifecycle` writes the tables into the ledger's README, or says what differs."""

from pathlib import Path

from typer.testing import CliRunner, Result

from services.cli import export
from services.ledger import tabulating

LEDGER = Path(__file__).parents[3] / "services" / "ledger"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(export.app, ["lifecycle", *map(str, arguments)])


def test_the_committed_tables_are_those_that_the_code_makes() -> None:
    assert run("--check", "--to", LEDGER).exit_code == 0


def test_tables_that_differ_are_named_and_then_written(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Mine\n{tabulating.BEGIN}\nold\n{tabulating.END}\n")
    checked = run("--check", "--to", tmp_path)
    assert checked.exit_code == 1
    assert f"{readme} differs" in checked.output
    assert "old" in readme.read_text()
    assert run("--to", tmp_path).exit_code == 0
    assert run("--check", "--to", tmp_path).exit_code == 0
    assert readme.read_text("utf-8").startswith("# Mine\n")


def test_a_folder_without_a_place_for_them_fails_and_says_what_to_add(tmp_path: Path) -> None:
    assert run("--to", tmp_path).exit_code == 1
    (tmp_path / "README.md").write_text("# Mine\n")
    failed = run("--to", tmp_path)
    assert failed.exit_code == 1
    assert "add these two lines" in " ".join(failed.output.split())
