"""The share on time, counting who still waits: a term that passes unanswered is missed at once."""

from grafana_foundation_sdk.builders import bargauge

from services.dashboards import palette, words
from services.dashboards.panels import Ask, Says, bars

SHARE_STEPS = palette.steps((0, palette.ALARM), (0.8, palette.LATE), (0.95, palette.CALM), base=palette.QUIET)
"""Colours of a share on time; below 0 stands that no term ended."""


def on_time(selector: str = "", by: str = "") -> str:
    """The share of promises kept in four weeks; -1 when no term ended. `by` is as in `by (stage)`."""
    every = f"sum {by} (koikarper:deadlines:increase4w{selector})"
    met = f"sum {by} (koikarper:deadlines:increase4w{_met(selector)})"
    return f"{met} / ({every} > 0) or (0 * {every} - 1)"


def on_time_by_stage(selector: str = "", width: int = 12) -> bargauge.Panel:
    """The share on time of each stage."""
    says = Says(
        "Beloften gehaald, vier weken",
        "Welk deel van de termijnen in vier weken op tijd was. Een termijn die verloopt terwijl niemand antwoordt"
        " telt meteen als gemist: wie nog steeds wacht telt dus mee. Het bevestigen aan het eind doet het wijkteam.",
        "percentunit",
        width=width,
    )
    ask = Ask(on_time(selector, "by (stage)"), "{{stage}}")
    return bars(says, ask, SHARE_STEPS, words.meaning(-1, words.NOTHING_YET, palette.QUIET), most=1)


def _met(selector: str) -> str:
    return '{outcome="met"}' if not selector else selector.replace("}", ',outcome="met"}')
