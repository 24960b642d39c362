"""Lengths, shares and moments in plain Dutch."""

from datetime import UTC, datetime

import pytest

from services.report.spans import mark, meanings, ticks, words
from services.report.words import count, moment, share

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "minder dan een seconde"),
        (1, "1 seconde"),
        (90_061.9, "1 dag en 1 uur"),
        (23 * DAY, "3 weken en 2 dagen"),
        (7 * DAY + 59, "1 week"),
        (2 * 365 * DAY, "2 jaar"),
    ],
)
def test_a_length_is_its_two_largest_units(seconds: float, said: str) -> None:
    assert words(seconds) == said


def test_marks_of_an_axis_are_short_and_explained() -> None:
    assert [mark(seconds) for seconds in (5_400, 14 * DAY, 30 * DAY)] == ["90 min", "2 wk", "30 d"]
    assert meanings(["0", "2 wk", "30 d"]) == "d = dagen, wk = weken"


@pytest.mark.parametrize("longest", [0.0, 1.0, 59.0, 3 * DAY, 400 * DAY, 1e10])
def test_an_axis_reaches_past_the_longest_in_few_steps(longest: float) -> None:
    found = ticks(longest)
    assert found[0] == 0
    assert found[-1] > longest
    assert len(found) <= 8 or longest > 600 * 365 * DAY / 1.0


@pytest.mark.parametrize(
    ("part", "said"),
    [(None, "nog geen"), (1.0, "100%"), (0.0, "0%"), (0.9999, "99,9%"), (0.00001, "0,1%"), (0.694, "69,4%")],
)
def test_only_all_is_all_and_only_none_is_none(part: float | None, said: str) -> None:
    assert share(part) == said


def test_a_moment_is_told_in_amsterdam() -> None:
    assert moment(datetime(2026, 11, 23, 23, 5, tzinfo=UTC)) == "dinsdag 24 november 2026 om 00.05 uur"
    assert count(1434) == "1.434"
