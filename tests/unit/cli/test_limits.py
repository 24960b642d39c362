"""The table of limits is the code's own."""

from pathlib import Path

from services.cli.limits import limit_files
from services.runtime.settings import Settings

SERVICES = Path(__file__).parents[3] / "services"


def test_the_committed_table_is_what_the_code_says():
    for name, text in limit_files().items():
        assert (SERVICES / name).read_text("utf-8") == text


def test_every_setting_that_the_table_names_is_one():
    (text,) = limit_files().values()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    named = {word for line in lines for word in line.split("`")[1::2] if "_" in word}
    assert named
    assert named <= Settings.model_fields.keys()


def test_no_bound_depends_on_the_environment(monkeypatch):
    before = limit_files()
    monkeypatch.setenv("KOIKARPER_BATCH_RECORDS", "7")
    assert limit_files() == before
