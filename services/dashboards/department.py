"""The second level: one department, what waits there and what was promised."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import VariableOption

from services.agreements.model import Agreements
from services.dashboards import palette, words
from services.dashboards.frame import DEPARTMENT, Section, page
from services.dashboards.ontime import on_time_by_stage
from services.dashboards.panels import Ask, Look, Panel, Says, bars, figure, heat, lines, named
from services.dashboards.waiting import FRESH_ZERO, longest

HERE = '{department="$department"}'
FAR_SECONDS = 1_000_000_000
"""Stands for no deadline to come: thirty years."""


def dashboard(agreements: Agreements) -> build.Dashboard:
    """The dashboard of one department, to be chosen by its name."""
    sections = (
        Section("Wat wacht er nu?", _now()),
        Section("Wie wacht, en hoe lang al", _waiting(agreements)),
        Section("Beloften", _promises()),
        Section("Antwoorden, en wie erbij is geroepen", _answers()),
    )
    description = "Wat er bij één afdeling wacht, welke belofte het eerst breekt, en wat er werd geantwoord."
    return page(DEPARTMENT, "Koikarper · Een afdeling", description, "now-7d", sections).with_variable(
        _choice(agreements)
    )


def _choice(agreements: Agreements) -> build.CustomVariable:
    departments = [(each.code, each.name) for each in agreements.departments.values()]
    listed = ", ".join(f"{_plain(name)} : {code}" for code, name in departments)
    first = min(departments, key=lambda each: each[0])
    options = [VariableOption(selected=each == first, text=each[1], value=each[0]) for each in departments]
    return (
        build.CustomVariable("department")
        .label("Afdeling")
        .description("De afdeling om wie het gaat, uit de afspraken.")
        .values(listed)
        .options(options)
        .current(VariableOption(selected=True, text=first[1], value=first[0]))
    )


def _plain(name: str) -> str:
    """Without what Grafana takes as the end of an option."""
    return name.replace(",", "\\,").replace(" : ", " - ")


def _now() -> Iterator[Panel]:
    for state, title, text in (
        ("waiting", "Wacht op bevestiging", "Verzoeken waarvan niemand de ontvangst heeft bevestigd."),
        ("acknowledged", "In behandeling", "Verzoeken die zijn bevestigd en niet zijn afgehandeld."),
    ):
        yield figure(
            Says(title, text, "none", width=4, height=5),
            f'sum(koikarper:assignments_open:sum{{department="$department",state="{state}"}})',
            palette.PLAIN,
            words.meaning(0, "niets", palette.CALM),
        )
    yield figure(
        Says(
            "Over de termijn", "Beloofde antwoorden van deze afdeling die er nog niet zijn.", "none", width=4, height=5
        ),
        f"sum(koikarper:assignments_overdue:sum{HERE})",
        palette.ANY_IS_LATE,
        words.meaning(0, "alles op tijd", palette.CALM),
    )
    yield figure(
        Says(
            "Langste wachttijd",
            "Hoe lang het oudste verzoek hier wacht. Of dat te lang is, staat ernaast.",
            "s",
            width=4,
            height=5,
        ),
        f"max(koikarper:oldest_open_assignment:age_seconds{HERE}) or {FRESH_ZERO}",
        palette.PLAIN,
        words.meaning(0, words.NOBODY, palette.CALM),
    )
    yield figure(
        Says(
            "Oudste, afgezet tegen de belofte",
            "De wachttijd van het oudste verzoek als deel van wat deze afdeling belooft; boven 100% is de belofte"
            " voorbij.",
            "percentunit",
            width=4,
            height=5,
        ),
        f"max(koikarper:oldest_open_assignment:promise_ratio{HERE})",
        palette.steps((0.75, palette.SOON), (1, palette.LATE), (2, palette.ALARM)),
        words.meaning(0, words.NOBODY, palette.CALM),
    )
    yield figure(
        Says(
            "Ongelezen door het eigen systeem",
            "Berichten aan deze afdeling die haar eigen systeem nog niet heeft opgehaald. Staat hier niets ongelezen en"
            " bevestigt toch niemand, dan heeft de machine het gehoord en een mens niet.",
            "none",
            empty="leest niet mee",
            width=4,
            height=5,
        ),
        f"max(koikarper_department_unread_records{HERE})",
        palette.steps((1, palette.SOON), (100, palette.LATE)),
        words.meaning(0, "alles gelezen", palette.CALM),
    )


def _waiting(agreements: Agreements) -> Iterator[Panel]:
    yield heat(
        Says(
            "Hoe lang wachten ze al?",
            "Elke kolom is een moment, elke rij een wachttijd; hoe sterker de kleur, hoe meer verzoeken er toen zo lang"
            " wachtten (zie de schaal). Schuift de kleur omhoog, dan wordt er gewacht en niet geantwoord.",
            "s",
            width=14,
            height=9,
        ),
        f"sum by (le) (koikarper:open_assignment_age_seconds:bucket{HERE})",
    )
    kinds = bars(
        Says(
            "Wat er open staat", "De verzoeken die nu wachten, naar soort signaal en stand.", "none", width=10, height=9
        ),
        Ask(
            f"sum by (kind, state) (koikarper_assignments_open{HERE}) > 0"
            f" or sum(koikarper_assignments_open{HERE}) == 0",
            "{{kind}} · {{state}}",
        ),
        palette.PLAIN,
        words.meaning(0, words.NOBODY, palette.CALM),
    )
    looks = {
        f"{kind} · {state}": Look(f"{text}: {stand}")
        for kind, text in words.KINDS.items()
        for state, stand in words.STATES.items()
    }
    yield named(kinds, {**looks, " · ": Look("alle soorten")})
    yield longest(
        agreements,
        Says(
            "Wie hier het langst wacht",
            "De verzoeken van deze afdeling die bij de twintig langst wachtende van de hele stad horen. De hele"
            " lijst geeft `koikarper waits` of het verzoek /v1/assignments met deze afdeling.",
            "none",
            empty="geen van de twintig langst wachtende verzoeken ligt hier",
            width=24,
            height=8,
        ),
        HERE,
    )


def _promises() -> Iterator[Panel]:
    stages = {stage: Look(text) for stage, text in words.STAGES.items()}
    left = bars(
        Says(
            "Wat breekt het eerst?",
            "Hoe lang het nog duurt tot de eerstvolgende termijn verloopt, per soort antwoord.",
            "s",
            width=12,
        ),
        Ask(
            f"max by (stage) (koikarper:next_deadline:left_seconds{HERE})"
            f" or (0 * max by (stage) (koikarper_assignments_overdue{HERE}) + {FAR_SECONDS})",
            "{{stage}}",
        ),
        palette.steps((0, palette.LATE), (14_400, palette.SOON), (86_400, palette.CALM), base=palette.ALARM),
        words.meaning(FAR_SECONDS, words.NO_DEADLINE, palette.QUIET),
        most=7 * 86_400,
    )
    yield named(left, stages)
    yield named(on_time_by_stage(HERE), stages)
    for stage, title in words.STAGES.items():
        yield _kept(stage, title)


def _kept(stage: str, title: str) -> Panel:
    panel = lines(
        Says(
            f"{title}: gehaald en gemist, per week",
            "Naar boven de termijnen die in de week ervoor zijn gehaald, naar beneden die zijn gemist. Een termijn"
            " is gemist zodra hij verloopt, ook als er nooit een antwoord komt.",
            "none",
            width=8,
        ),
        Ask(
            f'sum by (outcome) (increase(koikarper_deadlines_total{{department="$department",stage="{stage}"}}[1w]))',
            "{{outcome}}",
        ),
        filled=40,
    ).decimals(0)
    met, missed = (
        Look(words.VERDICTS["met"], palette.CALM),
        Look(words.VERDICTS["missed"], palette.ALARM, downward=True),
    )
    return named(panel, {"met": met, "missed": missed})


def _answers() -> Iterator[Panel]:
    answers = bars(
        Says(
            "Antwoorden in de gekozen tijd",
            "Hoe vaak er wat is geantwoord. De laatste twee zijn woorden van het wijkteam over het werk van deze"
            " afdeling.",
            "none",
            width=12,
        ),
        Ask(f"sum by (answer) (increase(koikarper_answers_total{HERE}[$__range]))", "{{answer}}"),
        palette.PLAIN,
    ).decimals(0)
    yield named(answers, {answer: Look(text) for answer, text in words.ANSWERS.items()})
    yield bars(
        Says(
            "Ladder: wie werd erbij geroepen, in de gekozen tijd",
            "Hoe vaak iemand boven deze afdeling erbij is geroepen, per trede. Hoe hoger de trede, hoe langer er"
            " niet is geantwoord. Trede 3 telt ook wat voor de derde keer is overgedragen.",
            "none",
            width=12,
        ),
        Ask(f"sum by (rung) (increase(koikarper_escalations_total{HERE}[$__range]))", "trede {{rung}}"),
        palette.steps((0.5, palette.LATE), (5, palette.ALARM)),
    ).decimals(0)
