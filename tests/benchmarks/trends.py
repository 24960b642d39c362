"""Whether a series of samples rises: the mean of its beginning and end, and its slope by least squares."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

PART_SECONDS = 300.0
"""Of the beginning and of the end; a third of the series where it is shorter than three such parts."""
HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Trend:
    """How a series went on, in its own unit."""

    first: float
    last: float
    most: float
    per_hour: float
    part_seconds: float

    @property
    def rise(self) -> float:
        """From the beginning to the end."""
        return self.last - self.first


def trend(moments: Sequence[float], values: Sequence[float]) -> Trend:
    """The trend of `values` at `moments` (seconds); at least two of them."""
    part = min(PART_SECONDS, (moments[-1] - moments[0]) / 3)
    first = [value for moment, value in zip(moments, values, strict=True) if moment <= moments[0] + part]
    last = [value for moment, value in zip(moments, values, strict=True) if moment >= moments[-1] - part]
    slope, _ = statistics.linear_regression(moments, values)
    return Trend(statistics.fmean(first), statistics.fmean(last), max(values), slope * HOUR_SECONDS, part)
