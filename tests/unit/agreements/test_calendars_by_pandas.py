"""The calendar against pandas and numpy, which know nothing of it: `terms_by_pandas` states the rules they follow."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from services.agreements.calendars import Calendar
from services.agreements.durations import parse
from services.agreements.holidays import recognised
from services.agreements.opening import Opening
from tests.unit.agreements.terms_by_pandas import DAYS_OFF, ZONE, ends

WEEK = (*([((9 * 60, 17 * 60),)] * 5), (), ())


@pytest.fixture(scope="module")
def office() -> Calendar:
    return Calendar("office", Opening(ZoneInfo(ZONE), WEEK, holidays=True))


def moments() -> pd.Series[Any]:
    """Every half hour of a year with a leap day, and moments to the millisecond from twenty-five years."""
    chosen = np.random.default_rng(4).integers(0, 25 * 365 * 86_400_000, 4_000)
    scattered = pd.Timestamp("2005-01-01", tz="UTC") + pd.to_timedelta(chosen, unit="ms")
    return pd.Series([*pd.date_range("2012-01-01", "2013-01-01", freq="30min", tz="UTC"), *scattered])


@pytest.mark.parametrize("term", ["1 working days", "2 working days", "5 working days", "1 days", "7 days", "8 weeks"])
def test_a_term_ends_when_pandas_says_that_it_ends(office: Calendar, term: str) -> None:
    starts = moments()
    made = [office.add(start.to_pydatetime(), parse(term)) for start in starts]
    wrong = [
        (start, end, expected)
        for start, end, expected in zip(starts, made, ends(starts, term), strict=True)
        if end != expected
    ]
    assert not wrong


def test_the_holidays_on_working_days_are_those_of_pandas_rules() -> None:
    pandas_days = {day for day in pd.to_datetime(DAYS_OFF).date if day.weekday() < 5}
    assert pandas_days == {day for year in range(1990, 2041) for day in recognised(year) if day.weekday() < 5}
