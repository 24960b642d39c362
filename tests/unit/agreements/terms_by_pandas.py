"""When a promise ends, computed by pandas and numpy from the rules as the documentation states them.

Nothing here comes from the product: the holidays are pandas' own rules (`pandas.tseries.holiday`, with Easter from
dateutil), working days are counted by numpy, clock changes are pandas' own. The office works from 09:00 to 17:00,
Monday to Friday, Europe/Amsterdam. The rules (contract 5 and `services/agreements/calendars.py`):

- **N working days.** The day of receipt does not count: what comes while the office is open, its opening and its
  closing among that, ends at the same local time of the Nth working day after it. What comes while the office is
  closed gets the next N working days whole, and ends with the closing of the last. No Saturday, Sunday or holiday is a
  working day.
- **N days, N weeks** keep the local time of day over a clock change (a time that the clock skips is an hour later, of
  one that comes twice it is the first). A term that ends on a Saturday, Sunday or holiday ends at the end of the next
  day that is none: the midnight after it. A term that ends at midnight ends with the day before that midnight.
- **Holidays** are those of the Algemene termijnenwet, article 3: New Year, Good Friday (equated), Easter Monday,
  Ascension Day, Whit Monday, Christmas and the day after, 5 May in every year, and the day on which the King's birthday
  is celebrated: until 2013 30 April, since 2014 27 April, and the day before where that is a Sunday.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.tseries.holiday import AbstractHolidayCalendar, Holiday
from pandas.tseries.offsets import Day, Easter

ZONE = "Europe/Amsterdam"
OPENS, CLOSES = pd.Timedelta(hours=9), pd.Timedelta(hours=17)
ONE_DAY = np.timedelta64(1, "D")


def not_on_sunday(day: pd.Timestamp) -> pd.Timestamp:
    return day - pd.Timedelta(days=1) if day.day_name() == "Sunday" else day


def easter(name: str, days: int) -> Holiday:
    return Holiday(name, month=1, day=1, offset=[Easter(), Day(days)])


class Termijnenwet(AbstractHolidayCalendar):
    rules: ClassVar[list[Holiday]] = [
        Holiday("Nieuwjaarsdag", month=1, day=1),
        easter("Goede Vrijdag", -2),
        easter("Tweede paasdag", 1),
        Holiday("Koninginnedag", month=4, day=30, end_date="2013-12-31", observance=not_on_sunday),
        Holiday("Koningsdag", month=4, day=27, start_date="2014-01-01", observance=not_on_sunday),
        Holiday("Bevrijdingsdag", month=5, day=5),
        easter("Hemelvaartsdag", 39),
        easter("Tweede pinksterdag", 50),
        Holiday("Eerste kerstdag", month=12, day=25),
        Holiday("Tweede kerstdag", month=12, day=26),
    ]


DAYS_OFF = Termijnenwet().holidays("1990-01-01", "2040-12-31").to_numpy().astype("datetime64[D]")


def ends(starts: pd.Series[Any], term: str) -> pd.Series[Any]:
    """The moment (UTC) at which `term`, as the mapping writes it, ends for each start; NaT where there is none."""
    amount, _, unit = term.partition(" ")
    known = starts.dropna().dt.tz_convert(ZONE)
    if unit == "working days":
        found = working_days(known, int(amount))
    else:
        found = wall_days(known, int(amount) * {"days": 1, "weeks": 7}[unit])
    return found.dt.tz_convert("UTC").reindex(starts.index)


def working_days(local: pd.Series[Any], amount: int) -> pd.Series[Any]:
    naive = local.dt.tz_localize(None)
    day = days(naive)
    time = naive - naive.dt.normalize()
    inside = np.is_busday(day, holidays=DAYS_OFF) & time.between(OPENS, CLOSES).to_numpy()
    first = np.busday_offset(day + (time > CLOSES).to_numpy() * ONE_DAY, 0, roll="forward", holidays=DAYS_OFF)
    whole = midnights(np.busday_offset(first, amount - 1, holidays=DAYS_OFF), local) + CLOSES
    same_time = midnights(np.busday_offset(day, amount, roll="forward", holidays=DAYS_OFF), local) + time
    return at_home(same_time.where(inside, whole))


def wall_days(local: pd.Series[Any], amount: int) -> pd.Series[Any]:
    naive = local.dt.tz_localize(None) + pd.Timedelta(days=amount)
    last = days(naive) - (naive == naive.dt.normalize()).to_numpy() * ONE_DAY
    moved = midnights(np.busday_offset(last, 0, roll="forward", holidays=DAYS_OFF) + ONE_DAY, local)
    return at_home(naive.where(np.is_busday(last, holidays=DAYS_OFF), moved))


def days(naive: pd.Series[Any]) -> np.ndarray[Any, Any]:
    return naive.to_numpy().astype("datetime64[D]")


def midnights(day: np.ndarray[Any, Any], like: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series(day.astype("datetime64[us]"), index=like.index)


def at_home(naive: pd.Series[Any]) -> pd.Series[Any]:
    first_of_two = np.ones(len(naive), dtype=bool)
    return naive.dt.tz_localize(ZONE, ambiguous=first_of_two, nonexistent=pd.Timedelta(hours=1))
