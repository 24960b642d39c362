"""How long it takes in each department: what was answered, and beside it who still waits, with the promise marked."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from events.outcomes import Stage
from services.report.drawing.plots import Spread, spreads
from services.report.elements import element
from services.report.figures import Figures
from services.report.overview import Department, Overview
from services.report.tables import folded
from services.report.waiting import promised
from services.report.words import STAGES, count, on_time, who_waits

DRAWN_MAX = 60
"""Departments with a drawing of their own; more would make a page that cannot be mailed."""


def how_long(found: Overview) -> Iterator[Element]:
    """The section: a card for each department."""
    yield element("h2", "Hoe lang duurt het per afdeling?", id="duur")
    yield element(
        "p",
        "De balken omhoog zijn antwoorden: zo lang was er gewacht toen het antwoord kwam. De gearceerde balken omlaag "
        "zijn verzoeken die nog wachten: zo lang wachten die tot nu toe. Bij hen komt er dus nog tijd bij.",
    )
    yield element(
        "ul",
        _key("■", "calm", "omhoog en vol: beantwoord"),
        _key("▨", "late", "omlaag en gearceerd: wacht nog"),
        _key("┆", "", "zo lang mag het duren; een grijze baan waar de termijnen verschillen"),
        class_="key",
    )
    if len(found.departments) > DRAWN_MAX:
        yield element(
            "p",
            f"Getekend zijn de {DRAWN_MAX} afdelingen waar de meeste verzoeken te lang wachten. De andere "
            f"{len(found.departments) - DRAWN_MAX} staan wel in de tabel hierboven.",
            class_="note",
        )
    yield element("div", [_card(found, one) for one in found.departments[:DRAWN_MAX]], class_="cards")


def _key(sign: str, class_: str, says: str) -> Element:
    return element("li", element("span", sign, class_=class_, aria_hidden="true"), says)


def _card(found: Overview, one: Department) -> Element:
    stages = [(stage, figures) for stage, figures in one.stages.items() if figures.answered or figures.ages]
    said = [
        element("li", element("strong", STAGES[stage]), f": {on_time(figures)} {who_waits(figures)}")
        for stage, figures in one.stages.items()
        if not figures.is_empty
    ]
    return element(
        "section",
        element("h3", one.name),
        element("ul", said),
        _drawing(found, one, stages) if stages else None,
        id=f"afdeling-{one.code}",
    )


def _drawing(found: Overview, one: Department, stages: Sequence[tuple[Stage, Figures]]) -> list[Element]:
    shown = [
        Spread(
            STAGES[stage],
            found.classes[stage],
            figures.answered,
            [age.seconds for age in figures.ages],
            figures.promised,
        )
        for stage, figures in stages
    ]
    terms = "; ".join(f"{STAGES[stage].lower()} {promised(figures)}" for stage, figures in stages)
    return [
        element(
            "figure",
            element("figcaption", f"Wachttijden bij {one.name}. Termijn: {terms}."),
            spreads(
                shown, f"duur-{one.code}", f"Tekening van de wachttijden bij {one.name}; de cijfers staan eronder."
            ),
        ),
        *(_table(found, one, stage, figures) for stage, figures in stages),
    ]


def _table(found: Overview, one: Department, stage: Stage, figures: Figures) -> Element:
    classes = found.classes[stage]
    answered, ages = classes.counts(figures.answered), classes.counts([age.seconds for age in figures.ages])
    lines = zip(classes.names, map(count, answered), map(count, ages), strict=True)
    return folded(
        f"{STAGES[stage].lower()} bij {one.name}", ["Zo lang gewacht", "Beantwoord", "Wacht nog"], list(lines)
    )
