"""The table of waits, for people."""

import pytest

from services.cli.emit import WAIT_COLUMNS, wait_row

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


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("1998-04-30T22:00:00.000Z", "1998-05-01"),  # summer time
        ("1997-12-31T23:00:00.000Z", "1998-01-01"),
        ("0001-01-01T00:00:00.000Z", "0001-01-01"),
        (None, None),
    ],
)
def test_a_row_says_on_which_day_in_amsterdam_the_oldest_grievance_happened(
    moment: str | None, day: str | None
) -> None:
    row = dict(zip(WAIT_COLUMNS, wait_row(WAIT | {"oldestHappened": moment}), strict=True))
    assert row["happened"] == day
    assert (row["oldest"], row["median"], row["on time"]) == ("2026-11-02T09:30:00.000Z", "1 d 01:01", "33.3%")
