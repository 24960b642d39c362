"""Between whom the canary goes: the machinery's own signal to itself (`events.signals.CANARY`).

It is the same in every version of every town's agreements and stands in none: a town that upgrades changes nothing, and
the versions that a ledger has kept are parsed to the same again. Apart from `departments` and `teams`, because these
are whom people's lists and figures go over: who forgets the canary leaves it out.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from events.signals import CANARY
from services.agreements.calendars import Calendar
from services.agreements.durations import Duration
from services.agreements.model import Canary, Department, Municipality, Promise, Team
from services.agreements.opening import Opening

KEPT = timedelta(hours=1)
"""How long a round may take. One that began earlier is given up: its department leaves it, its rows are removed."""

_NEVER = Duration(20 * 365 * 24, "hours")
"""Its promises, so that no moment of it passes: nobody is reminded of it, and nothing of it is ever missed."""


def canary_of(municipality: Municipality) -> Canary:
    """The canary of a town."""
    source = f"urn:nld:oin:{municipality.oin}:systeem:koikarper-canary"
    return Canary(
        source=source,
        department=Department(CANARY, "Kanarie", calendar=CANARY, promise=CANARY, sources=(source,)),
        team=Team(CANARY, "Kanarie", neighbourhoods=(municipality.code,), sources=(source,)),
        promise=Promise(CANARY, acknowledge=_NEVER, resolve=_NEVER, confirm=_NEVER),
        calendar=Calendar(CANARY, Opening(ZoneInfo("UTC"), ((),) * 7, holidays=False, closed=frozenset())),
    )
