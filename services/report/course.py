"""What became of the promises over time: kept, or broken when their date passed, answered or not."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from services.report.drawing.plots import Course, courses
from services.report.elements import element
from services.report.overview import Overview
from services.report.periods import Unit, periods, unit_for
from services.report.tables import folded
from services.report.town import Town
from services.report.words import STAGES, count, on_time


def over_time(town: Town, found: Overview) -> Iterator[Element]:
    """The section."""
    yield element("h2", "Op tijd en te laat door de tijd", id="verloop")
    decided = [wait.decided_at for wait in town.waits if wait.decided_at is not None and wait.stage in found.stages]
    if not decided:
        yield element("p", "Er is nog geen termijn gehaald of gemist.")
        return
    first, last = min(decided), max([*decided, town.at])
    unit = unit_for(first, last)
    shown = [
        Course(STAGES[stage], periods((one for one in town.waits if one.stage == stage), unit, first, last))
        for stage in found.stages
    ]
    yield element(
        "p",
        f"Per {unit.name}. Omhoog: de termijnen die zijn gehaald, bij het moment van het antwoord. Omlaag en "
        "gearceerd: de termijnen die zijn gemist, bij het moment waarop de termijn voorbij was. Een antwoord dat te "
        "laat komt, verandert daar niets meer aan.",
    )
    says = " ".join(f"{STAGES[stage]}: {on_time(figures)}" for stage, figures in found.stages.items())
    yield element(
        "figure",
        element("figcaption", f"Gehaalde en gemiste termijnen per {unit.name}. {says}"),
        courses(shown, unit, "verloop", f"Tekening van de gehaalde en gemiste termijnen. {says}"),
    )
    yield folded(f"gehaald en gemist per {unit.name}", *_table(shown, unit))


def _table(shown: list[Course], unit: Unit) -> tuple[list[str], list[list[str]]]:
    columns = [
        unit.name.capitalize(),
        *(f"{course.title}: {what}" for course in shown for what in ("op tijd", "te laat")),
    ]
    lines = []
    for row in zip(*(course.periods for course in shown), strict=True):
        counts = [count(number) for period in row for number in (period.met, period.missed)]
        lines.append([unit.mark(row[0].start), *counts])
    return columns, lines
