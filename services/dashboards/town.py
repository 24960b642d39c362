"""The first level: who waits in the whole town, in five seconds."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from services.agreements.model import Agreements
from services.dashboards import palette, pulse, words
from services.dashboards.frame import TOWN, Section, open_department, page
from services.dashboards.ontime import SHARE_STEPS, on_time, on_time_by_stage
from services.dashboards.panels import Ask, Look, Panel, Says, bars, figure, lines, listing, named, timeline
from services.dashboards.waiting import FRESH_ZERO, longest, names


def dashboard(agreements: Agreements) -> build.Dashboard:
    """The town's dashboard."""
    return page(
        TOWN,
        "Koikarper · De stad",
        "Wie er in de hele stad wacht, hoe lang al, en welke beloften niet gehaald worden. Wie nog steeds wacht telt"
        " mee.",
        "now-7d",
        (
            Section("Wie wacht er nu?", _now()),
            Section("Zijn deze cijfers te vertrouwen? De polsslag van de machinerie", pulse.panels()),
            Section("Per afdeling", _departments(agreements)),
            Section("Wie wacht het langst?", [_longest(agreements)]),
            Section("Wat er binnenkomt en wordt afgesloten", _flow()),
        ),
    )


def _now() -> Iterator[Panel]:
    yield figure(
        Says(
            "Wachtende verzoeken", "Verzoeken die bij een afdeling liggen en niet zijn afgehandeld.", "none", height=5
        ),
        "sum(koikarper:assignments_open:sum)",
        palette.PLAIN,
        words.meaning(0, words.NOBODY, palette.CALM),
    )
    yield figure(
        Says(
            "Over de termijn",
            "Antwoorden die beloofd waren en er nog niet zijn, bij alle afdelingen samen. Wie twee termijnen laat"
            " verlopen, telt voor twee.",
            "none",
            height=5,
        ),
        "sum(koikarper:assignments_overdue:sum)",
        palette.ANY_IS_LATE,
        words.meaning(0, "alles op tijd", palette.CALM),
    )
    yield figure(
        Says("Langste wachttijd", "Hoe lang het oudste verzoek dat niet is afgehandeld al wacht.", "s", height=5),
        f"max(koikarper:oldest_open_assignment:age_seconds) or {FRESH_ZERO}",
        palette.PLAIN,
        words.meaning(0, words.NOBODY, palette.CALM),
    )
    yield figure(
        Says(
            "Bevestigd binnen de termijn, vier weken",
            "Welk deel van de verlopen of beantwoorde termijnen om de ontvangst te bevestigen op tijd was. Wie nog"
            " steeds wacht en over de termijn is, telt mee als te laat.",
            "percentunit",
            height=5,
        ),
        on_time('{stage="acknowledge"}'),
        SHARE_STEPS,
        words.meaning(-1, words.NOTHING_YET, palette.QUIET),
    )


def _departments(agreements: Agreements) -> Iterator[Panel]:
    looks = {code: Look(name) for code, name in names(agreements).items()}
    height = max(8, 2 + len(looks))
    state = timeline(
        Says(
            "Toestand van elke afdeling",
            "Op tijd; iets over tijd: een beloofd antwoord is er niet. Lang over tijd: het oudste verzoek wacht al"
            " meer dan drie keer zo lang op bevestiging, of twee keer zo lang op afhandeling, als beloofd. Gehoord"
            " door de machine, niet door mensen: het eigen systeem van de afdeling heeft alles gelezen, en toch"
            " bevestigt niemand.",
            "none",
            width=14,
            height=height,
        ),
        Ask("koikarper:department_state:level", "{{department}}"),
        words.LEVELS,
    )
    oldest = bars(
        Says(
            "Oudste verzoek, afgezet tegen de belofte",
            "Hoe lang het oudste verzoek wacht, als deel van wat de afdeling belooft; boven 100% is de belofte voorbij."
            " Geteld op de klok: een weekend telt mee, ook als de afdeling in werkdagen belooft.",
            "percentunit",
            width=10,
            height=height,
        ),
        Ask("koikarper:oldest_open_assignment:promise_ratio", "{{department}}"),
        palette.steps((0.75, palette.SOON), (1, palette.LATE), (2, palette.ALARM)),
        words.meaning(0, words.NOBODY, palette.CALM),
        most=2,
    )
    yield named(state, looks)
    yield named(oldest, looks)
    yield _table(agreements)


def _table(agreements: Agreements) -> Panel:
    panel = listing(
        Says(
            "Afdelingen",
            "Een rij per afdeling. Klik op een afdeling om te zien wat daar wacht. `op tijd` telt wie nog steeds"
            " wacht mee; `geen`: er is in vier weken geen termijn verlopen.",
            "none",
            width=24,
            height=3 + max(4, len(agreements.departments)),
        ),
        'sum by (department) (koikarper_assignments_open{state="waiting"})',
        'sum by (department) (koikarper_assignments_open{state="acknowledged"})',
        "max by (department) (koikarper:assignments_overdue:sum)",
        "max by (department) (koikarper:oldest_open_assignment:age_seconds) or 0 * koikarper:assignments_overdue:sum",
        _share("acknowledge"),
        _share("resolve"),
        "max by (department) (koikarper:department_state:level)",
        columns={
            "department": "Afdeling",
            "Value #G": "Toestand",
            "Value #A": "Wacht op bevestiging",
            "Value #B": "In behandeling",
            "Value #C": "Over de termijn",
            "Value #D": "Langste wachttijd",
            "Value #E": "Bevestigd op tijd",
            "Value #F": "Afgehandeld op tijd",
        },
        sort="Value #C",
    )
    dash = words.meaning(-1, "geen", palette.QUIET)
    panel.override_by_name(
        "Afdeling",
        [
            DynamicConfigValue("mappings", [words.spoken(names(agreements))]),
            DynamicConfigValue("links", open_department("${__value.raw}")),
        ],
    )
    panel.override_by_name(
        "Toestand",
        [
            DynamicConfigValue("mappings", [words.LEVELS]),
            DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ],
    )
    panel.override_by_name(
        "Langste wachttijd",
        [
            DynamicConfigValue("unit", "s"),
            DynamicConfigValue("mappings", [words.meaning(0, words.NOBODY, palette.CALM)]),
        ],
    )
    for column in ("Bevestigd op tijd", "Afgehandeld op tijd"):
        panel.override_by_name(
            column, [DynamicConfigValue("unit", "percentunit"), DynamicConfigValue("mappings", [dash])]
        )
    return panel


def _share(stage: str) -> str:
    share = f'koikarper:deadlines:met_ratio4w{{stage="{stage}"}}'
    return f"sum by (department) ({share}) or (0 * koikarper:assignments_overdue:sum - 1)"


def _longest(agreements: Agreements) -> Panel:
    return longest(
        agreements,
        Says(
            "De twintig die het langst wachten",
            "De verzoeken die in de hele stad het langst wachten. Klik op een afdeling om te zien wat daar nog meer"
            " wacht.",
            "none",
            empty="niemand wacht: er is geen open verzoek",
            width=24,
            height=10,
        ),
    )


def _flow() -> Iterator[Panel]:
    flow = lines(
        Says(
            "Signalen per etmaal",
            "Hoeveel signalen wijkteams in de 24 uur ervoor hebben gemeld, en hoeveel er zijn afgesloten.",
            "none",
            width=12,
        ),
        Ask("sum(increase(koikarper_signals_total[1d]))", "gemeld"),
        Ask("sum(increase(koikarper_signals_closed_total[1d]))", "afgesloten"),
    ).decimals(0)
    yield named(flow, {"gemeld": Look("gemeld", palette.CALM), "afgesloten": Look("afgesloten", palette.LATE)})
    yield named(on_time_by_stage(), {stage: Look(text) for stage, text in words.STAGES.items()})
