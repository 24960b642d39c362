"""The pulse of the machinery: whether the figures can be trusted at all. On the town's page and on its own."""

from collections.abc import Iterator

from services.dashboards import palette, words
from services.dashboards.panels import Panel, Says, figure

AGE_STEPS = palette.steps((60, palette.SOON), (120, palette.ALARM))
"""As the alert SnapshotStale: 120 s."""
FIVE_MINUTES = palette.steps((150, palette.SOON), (300, palette.ALARM))
"""As the alerts CanaryFailed and LedgerNotReading: 300 s."""


def panels() -> Iterator[Panel]:
    """Six figures over the width of a page."""
    yield figure(
        _says(
            "Proefmelding kwam rond",
            "Elke minuut gaat een proefmelding de hele weg rond. Hoe lang geleden de laatste terugkwam.",
        ),
        "koikarper:canary:age_seconds",
        FIVE_MINUTES,
    )
    yield figure(
        _says("Cijfers zijn zo oud", "Hoe oud alles op deze pagina is. Boven twee minuten: vertrouw de cijfers niet."),
        "koikarper:snapshot:age_seconds",
        AGE_STEPS,
    )
    yield figure(
        _says("Logboek loopt achter", "Hoeveel tijd aan ontvangen berichten het logboek nog niet heeft gelezen."),
        "clamp_min(koikarper:ledger:unread_seconds, 0)",
        FIVE_MINUTES,
    )
    yield figure(
        _says("Nog te versturen", "Berichten die nog naar afdelingen en wijkteams moeten.", "none"),
        "max(koikarper_outbox_rows)",
        palette.steps((100, palette.SOON), (1000, palette.LATE)),
        words.meaning(0, "alles verstuurd", palette.CALM),
    )
    yield figure(
        _says("Onleesbare berichten", "Berichten die niet gelezen konden worden en op een mens wachten.", "none"),
        "sum(koikarper_dead_letters_open)",
        palette.ANY_IS_LATE,
        words.meaning(0, "geen", palette.CALM),
    )
    yield figure(
        _says("Alarmen", "Alarmen die nu afgaan, over mensen en over de machinerie samen.", "none"),
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        palette.ANY_IS_LATE,
        words.meaning(0, "geen alarm", palette.CALM),
    )


def _says(title: str, description: str, unit: str = "s") -> Says:
    return Says(title, description, unit, width=4, height=4)
