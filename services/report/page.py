"""The page that can be mailed to a council: one file, no script, nothing asked of any other computer."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from services.report.course import over_time
from services.report.elements import document, element
from services.report.overview import overview
from services.report.spread import how_long
from services.report.style import STYLE
from services.report.summary import by_department, head, summary, title
from services.report.town import Town
from services.report.waiting import who_waits_now

_NOTHING_FROM_ELSEWHERE = "default-src 'none'; style-src 'unsafe-inline'"


def page(town: Town) -> str:
    """The whole page; it takes a second or more, for it draws."""
    return document(
        element(
            "html",
            element(
                "head",
                element("meta", charset="utf-8"),
                element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                element("meta", http_equiv="Content-Security-Policy", content=_NOTHING_FROM_ELSEWHERE),
                element("meta", name="robots", content="noindex"),
                element("title", title(town)),
                element("style", STYLE),
            ),
            element("body", element("main", _sections(town))),
            lang="nl",
        )
    )


def _sections(town: Town) -> Iterator[Element]:
    found = overview(town)
    yield from head(town)
    yield from summary(found)
    if not found.is_empty:
        yield from who_waits_now(found)
        yield from over_time(town, found)
    yield from by_department(found)
    if not found.is_empty:
        yield from how_long(found)
    yield from _how_it_is_counted(town)


def _how_it_is_counted(town: Town) -> Iterator[Element]:
    yield element("h2", "Zo is geteld", id="telling")
    lines = [
        "Een verzoek wacht vanaf het moment dat het signaal binnenkwam. Bij overdracht loopt de tijd door.",
        "Uitstel is geen antwoord. Of een termijn is gehaald, hangt af van de eerste datum die is beloofd.",
        "Zegt het wijkteam na een antwoord dat het niet is opgelost? Dan is het verzoek weer open. De tijd liep door.",
        "Een ingetrokken signaal telt niet mee als gehaald of gemist.",
        "Op deze bladzijde staan geen namen van mensen en geen teksten uit signalen.",
    ]
    if town.log:
        lines.append(
            "Of bewoners vonden dat het was opgelost, staat niet in dit logboek, en dus niet op deze bladzijde."
        )
    yield element("ul", [element("li", line) for line in lines])
    yield element("p", "Gemaakt met Koikarper.", class_="when")
