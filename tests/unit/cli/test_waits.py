"""The table of waits, for people: in 80 columns and in 120, in a pipe, without colour, and without Unicode."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from services.cli import build
from services.cli.wait_table import age_bar, brief, percent, print_waits

NOW = datetime(2026, 11, 4, 9, 30, tzinfo=UTC)
WAIT = {
    "department": "control",
    "kind": "grievance-reported",
    "stage": "resolve",
    "open": 2,
    "overdue": 1,
    "oldest": "2026-11-02T09:30:00.000Z",
    "oldestHappened": None,
    "met": 1,
    "missed": 1,
    "answered": 1,
    "medianSeconds": 90061.5,
    "p90Seconds": None,
    "shareOnTime": 1 / 3,
}
PROMISED = {("control", "grievance-reported", "resolve"): 86_400.0}
SIGNS = ("=", "#", ".", "|", ">")


def printed(width: int, encoding: str = "utf-8", **changes: Any) -> str:
    page = io.TextIOWrapper(io.BytesIO(), encoding)
    print_waits([WAIT | changes], PROMISED, NOW, Console(file=page, width=width, highlight=False))
    page.seek(0)
    return page.read()


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("1998-04-30T22:00:00.000Z", "1998-05-01"),  # summer time
        ("1997-12-31T23:00:00.000Z", "1998-01-01"),
        ("0001-01-01T00:00:00.000Z", "0001-01-01"),
    ],
)
def test_a_group_says_on_which_day_in_amsterdam_the_oldest_grievance_happened(moment: str, day: str) -> None:
    assert f"(happened {day})" in printed(80, oldestHappened=moment)
    assert "happened" not in printed(80)


@pytest.mark.parametrize("width", [80, 120])
def test_a_line_says_who_waits_how_long_against_the_promise_and_fits(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text  # in a pipe: plain text
    line = next(line for line in text.splitlines() if "resolve" in line)
    assert line.split()[:4] == ["resolve", "2", "1", "2d"]
    assert "■┊▲" in line
    assert "33.3%" in line
    assert "1d 1h" in line


def test_an_output_that_knows_no_blocks_gets_letters_that_every_terminal_has() -> None:
    text = printed(80, "ascii")
    assert "====|###>" in text


@pytest.mark.parametrize(
    ("age", "promised", "bar"),
    [
        (0.0, 100.0, "....|...."),
        (50.0, 100.0, "==..|...."),
        (100.0, 100.0, "====|...."),
        (101.0, 100.0, "====|#..."),
        (150.0, 100.0, "====|##.."),
        (200.0, 100.0, "====|###>"),
        (9e9, 100.0, "====|###>"),
        (None, 100.0, " " * 9),
        (5.0, None, " " * 9),
    ],
)
def test_the_bar_shows_the_oldest_against_its_promise_which_ends_in_the_middle(
    age: float | None, promised: float | None, bar: str
) -> None:
    assert age_bar(age, promised, 8, SIGNS) == bar


def test_a_wait_takes_at_most_seven_signs() -> None:
    lengths = [0.04, 59.99, 60.0, 3_599, 86_399, 99 * 86_400 + 86_399, 9_000 * 86_400]
    assert [brief(seconds) for seconds in lengths] == [
        "0.0s",
        "59.9s",
        "1m 00s",
        "59m 59s",
        "23h 59m",
        "99d 23h",
        "9000d",
    ]


def test_only_all_is_a_hundred_percent() -> None:
    assert [percent(share) for share in (1.0, 0.9999, 0.0001, 0.0, None)] == ["100.0%", "99.9%", "0.1%", "0.0%", ""]


def test_a_page_and_json_at_once_are_wrong_use_and_a_page_of_no_machine_is_told(tmp_path: Path) -> None:
    runner = CliRunner(env={"KOIKARPER_DATABASE": ""})
    page = ["--data-folder", str(tmp_path), "--html", str(tmp_path / "a.html")]
    assert runner.invoke(build(), ["waits", *page, "--json"]).exit_code == 2
    answer = runner.invoke(build(), ["waits", *page])
    assert answer.exit_code == 2
    assert "No machine runs on" in answer.output
