"""The first page: what it is about, the honest figures in words, and a table of stages and of departments."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from events.moments import zulu
from events.outcomes import Stage
from services.report.elements import Child, element
from services.report.figures import Figures
from services.report.overview import Overview
from services.report.tables import table
from services.report.town import Town
from services.report.words import EXPLAINED, STAGES, count, day, longest, moment, on_time, share, who_waits

BEHIND_MINUTES_MAX = 15
"""When the ledger last read anything longer ago than this, the page says that it may be behind."""


def title(town: Town) -> str:
    """What stands in the browser's tab and the mail's list."""
    return f"Wie wacht hoe lang? {_whose(town)}, {day(town.at)}"


def head(town: Town) -> Iterator[Element]:
    """Whose figures these are, and of when."""
    yield element("h1", "Wie wacht hoe lang?")
    whose = _whose(town) if town.log else f"{town.name} ({town.code})"
    when = element("time", moment(town.at), datetime=zulu(town.at))
    yield element("p", f"{whose}. Stand van ", when, ".", class_="when")
    if town.log:
        yield element(
            "p",
            f"Dit zijn geen cijfers van nu. Het zijn echte gebeurtenissen uit het logboek {town.log}, die opnieuw zijn "
            "afgespeeld. De klok van het logboek telt als nu.",
            class_="note",
        )
    elif town.read_until and (minutes := (town.at - town.read_until).total_seconds() / 60) > BEHIND_MINUTES_MAX:
        yield element(
            "p",
            f"Let op: het logboek loopt achter. De laatste berichten zijn gelezen op {moment(town.read_until)}, "
            f"{count(int(minutes))} minuten eerder. Wat daarna is geantwoord, telt hier nog niet mee.",
            class_="note",
        )


def summary(found: Overview) -> Iterator[Element]:
    """In short."""
    yield element("h2", "In het kort", id="kort")
    if found.is_empty:
        yield element("p", "Er is nog niets gemeld. Er wacht dus niemand, en er is nog niets beantwoord.")
        return
    yield element("dl", [_tile(*tile) for tile in _tiles(found)], class_="tiles")
    yield element("ul", [_stage(stage, one) for stage, one in found.stages.items()])
    yield element(
        "p",
        "Wie nog wacht, telt mee. Een termijn die voorbij is zonder antwoord, telt als te laat, ook als er nooit meer "
        "een antwoord komt. Daarom staat hier geen gemiddelde: dat telt alleen wie al antwoord heeft.",
    )
    yield table(
        "Termijnen en wachtenden per stap",
        ["Stap", "Op tijd", "Termijn gehaald", "Termijn gemist", "Wacht nog", "Waarvan te laat", "Langst wacht"],
        [
            [
                STAGES[stage],
                share(one.share_on_time),
                count(one.met),
                count(one.missed),
                count(one.open),
                count(one.overdue),
                longest(one),
            ]
            for stage, one in found.stages.items()
        ],
    )


def by_department(found: Overview) -> Iterator[Element]:
    """One row for each department that was asked something, and who was asked nothing."""
    yield element("h2", "Per afdeling", id="afdelingen")
    if found.departments:
        yield element("p", "Bovenaan staat de afdeling waar de meeste verzoeken te lang wachten.")
        yield table("Open verzoeken en het deel op tijd per afdeling", *_departments(found))
    if found.silent:
        names = ", ".join(sorted(one.name for one in found.silent))
        yield element("p", f"Nog nooit iets gevraagd: {names}.")


def _whose(town: Town) -> str:
    return f"Logboek {town.log}" if town.log else town.name


def _tiles(found: Overview) -> Iterator[tuple[str, str, str]]:
    open_ = found.stages["resolve"]
    yield "Open verzoeken", count(open_.open), "wachten op een afdeling"
    yield "Langst", longest(open_), "wacht het oudste open verzoek"
    for stage, one in found.stages.items():
        of = f"op tijd: {count(one.met)} van {count(one.decided)}" if one.decided else "termijn gehaald of gemist"
        yield STAGES[stage], share(one.share_on_time), of


def _tile(name: str, big: str, more: str) -> Element:
    return element("div", element("dt", name), element("dd", element("span", big, class_="big"), more))


def _stage(stage: Stage, found: Figures) -> Element:
    return element("li", element("strong", STAGES[stage]), f": {EXPLAINED[stage]} {on_time(found)} {who_waits(found)}")


def _departments(found: Overview) -> tuple[list[str], list[list[Child]]]:
    columns = [
        "Afdeling",
        "Open",
        *(f"{STAGES[s]}: te laat" for s in found.stages),
        "Langst wacht",
        *(f"{STAGES[s]}: op tijd" for s in found.stages),
    ]
    rows: list[list[Child]] = []
    for one in found.departments:
        work = one.stages["resolve"]
        rows.append(
            [
                element("a", one.name, href=f"#afdeling-{one.code}"),
                count(work.open),
                *(count(figures.overdue) for figures in one.stages.values()),
                longest(work),
                *(share(figures.share_on_time) for figures in one.stages.values()),
            ]
        )
    return columns, rows
