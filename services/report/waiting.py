"""Who waits now: a mark for every request that still waits, by age, for each department, with the promise beside it."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from events.outcomes import Stage
from services.report.drawing.plots import Row, rows, shortened
from services.report.elements import element
from services.report.figures import Figures
from services.report.marks import Stacks, levels, marks, per_mark, stacks
from services.report.overview import Department, Overview
from services.report.spans import words
from services.report.tables import folded
from services.report.words import STAGES, count, label, longest, who_waits

ROWS_MAX = 10
"""In one drawing, so that it fits on a sheet of paper."""

Waiting = tuple[Department, Figures, Stacks]
"""A department, who waits there for one stage, and those as stacks."""


def who_waits_now(found: Overview) -> Iterator[Element]:
    """The section; one part for each stage for which somebody waits."""
    yield element("h2", "Wie wacht nu?", id="nu")
    stages = [stage for stage, one in found.stages.items() if one.open]
    if not stages:
        yield element("p", "Op dit moment wacht niemand.")
        return
    yield element("p", "Elk teken is een verzoek dat nog wacht. Hoe verder naar rechts, hoe langer het wacht.")
    yield element(
        "ul",
        _key("○", "calm", "wacht, en is nog binnen de termijn"),
        _key("▲", "late", "wacht, en is te laat: de termijn is voorbij"),
        _key("┆", "", "zo lang mag het duren; een grijze baan waar de termijnen verschillen"),
        class_="key",
    )
    for stage in stages:
        yield from _stage(found, stage)


def _key(sign: str, class_: str, says: str) -> Element:
    return element("li", element("span", sign, class_=class_, aria_hidden="true"), says)


def _stage(found: Overview, stage: Stage) -> Iterator[Element]:
    there = [(one, one.stages[stage]) for one in found.departments if one.stages[stage].open]
    end = _end([figures for _, figures in there])
    waiting = [(one, figures, stacks(figures.ages, end)) for one, figures in there]
    size = per_mark([group for _, _, group in waiting])
    yield element("h3", f"Wacht op: {STAGES[stage].lower()}")
    yield element("p", who_waits(found.stages[stage]))
    if size > 1:
        yield element(
            "p",
            f"Er wachten te veel verzoeken om ze apart te tekenen. Een teken staat hier voor ten hoogste {count(size)} "
            "verzoeken die ongeveer even lang wachten. De tabel telt ze allemaal.",
            class_="note",
        )
    height = levels([group for _, _, group in waiting])
    yield element(
        "div",
        [
            _drawing(waiting[start : start + ROWS_MAX], stage, end, size, start, height)
            for start in range(0, len(waiting), ROWS_MAX)
        ],
        class_="cards",
    )
    yield folded(f"wie wacht op {STAGES[stage].lower()}", *_table(found, stage, waiting))


def _drawing(some: Sequence[Waiting], stage: Stage, end: float, size: int, number: int, height: int) -> Element:
    shown = [
        Row(label(shortened(one.name), figures), marks(group, size), figures.promised) for one, figures, group in some
    ]
    says = "; ".join(label(one.name, figures) for one, figures, _ in some)
    return element(
        "figure",
        element("figcaption", f"Wacht op {STAGES[stage].lower()}: hoe lang al, per afdeling{_which(number, some)}."),
        rows(shown, end, height, f"nu-{stage}-{number}", f"Tekening: {says}."),
    )


def _which(number: int, some: Sequence[Waiting]) -> str:
    """Which of the departments are in a drawing, where there is more than one drawing."""
    return f" ({number + 1} tot en met {number + len(some)})" if number or len(some) == ROWS_MAX else ""


def _end(found: Sequence[Figures]) -> float:
    """The end of the axis: past the longest wait, and past the usual promise, so that both are seen."""
    longest_seconds = max(figures.ages[0].seconds for figures in found)
    promised = [figures.promised[len(figures.promised) // 2] for figures in found if figures.promised]
    return max([longest_seconds, *promised, 1.0]) * 1.03


def _table(found: Overview, stage: Stage, waiting: Sequence[Waiting]) -> tuple[list[str], list[list[str]]]:
    classes = found.classes[stage]
    columns = ["Afdeling", *classes.names, "Samen", "Te laat", "Langst wacht", "Termijn"]
    return columns, [
        [
            one.name,
            *map(count, classes.counts([age.seconds for age in figures.ages])),
            count(figures.open),
            count(figures.overdue),
            longest(figures),
            promised(figures),
        ]
        for one, figures, _ in waiting
    ]


def promised(found: Figures) -> str:
    """What was promised, in words; from the shortest to the longest where it differs."""
    if not found.promised:
        return "onbekend"
    shortest, most = words(found.promised[0]), words(found.promised[-1])
    return shortest if shortest == most else f"{shortest} tot {most}"
