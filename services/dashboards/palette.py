"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Threshold

CALM = "#0072B2"
"""Blue: as it should be."""
SOON = "#F0E442"
"""Yellow: look at it today."""
LATE = "#E69F00"
"""Orange: late."""
ALARM = "#D55E00"
"""Vermilion: very late."""
UNHEARD = "#CC79A7"
"""Pink: of another kind than late."""
QUIET = "#999999"
"""Grey: nothing to say."""
OTHER = ("#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#D55E00", "#F0E442", "#999999")
"""For lines that mean no more than themselves."""


def steps(*limits: tuple[float, str], base: str = CALM) -> Sequence[Threshold]:
    """Colours from each limit up; `base` is that below the first."""
    return [Threshold(value=None, color=base), *(Threshold(value=limit, color=color) for limit, color in limits)]


ANY_IS_LATE = steps((1, LATE), (10, ALARM))
"""For counts of which none is right."""
PLAIN = steps()
"""For counts that are neither good nor bad."""
