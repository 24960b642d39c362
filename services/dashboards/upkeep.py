"""Of the machinery: what needs a hand: dead letters, the time, and room."""

from collections.abc import Iterator

from services.dashboards import palette, words
from services.dashboards.panels import Ask, Panel, Says, bars, figure, lines, listing


def letters_and_time() -> Iterator[Panel]:
    """Dead letters, and whether moments pass."""
    yield listing(
        Says(
            "Onleesbare berichten die op een mens wachten",
            "Per onderwerp en reden. Bekijk ze met `koikarper dead-letters list`, en bied ze opnieuw aan of schrijf"
            " ze af.",
            "none",
            empty="geen: alles is gelezen",
            width=12,
        ),
        "sum by (topic, reason) (koikarper_dead_letters_open) > 0",
        columns={"topic": "Onderwerp", "reason": "Reden", "Value": "Aantal"},
        sort="Value",
    )
    yield lines(
        Says(
            "Onleesbaar: open, en in totaal",
            "Open is wat nog op een mens wacht; totaal is alles wat ooit niet gelezen kon worden.",
            "none",
            width=12,
        ),
        Ask("sum(koikarper_dead_letters_open)", "open"),
        Ask("sum(koikarper_dead_letters_total)", "totaal"),
    )
    yield figure(
        Says(
            "Tijdwachter loopt achter",
            "Tot hoe lang geleden alle termijnen zijn nagekeken. Rond een minuut is gewoon.",
            "s",
            width=8,
            height=6,
        ),
        "koikarper:timekeeper:behind_seconds",
        palette.steps((180, palette.SOON), (600, palette.ALARM)),
    )
    yield figure(
        Says(
            "De tijd loopt",
            "Staat de tijd stil, dan verloopt er geen termijn en wordt niemand beschuldigd: een lezer heeft niet"
            " alles gelezen.",
            "none",
            width=8,
            height=6,
        ),
        "min(koikarper_runtime_timekeeper_horizon_stalled)",
        palette.steps((1, palette.ALARM)),
        words.meaning(0, "● ja", palette.CALM),
        words.meaning(1, "■ nee, de tijd staat stil", palette.ALARM),
    )
    yield figure(
        Says(
            "Signalen waarvoor de tijd niet loopt",
            "Signalen waarbij het verlopen van een termijn telkens misgaat. Voor de andere loopt de tijd gewoon.",
            "none",
            width=8,
            height=6,
        ),
        "max(koikarper_runtime_timekeeper_signals_set_aside)",
        palette.ANY_IS_LATE,
        words.meaning(0, "geen", palette.CALM),
    )


def room() -> Iterator[Panel]:
    """Disks, database, memory and processors."""
    yield bars(
        Says(
            "Vrije schijfruimte",
            "Welk deel van de schijven van Kafka en de database nog vrij is.",
            "percentunit",
            empty="geen schijf in de instellingen genoemd",
            width=8,
        ),
        Ask("min by (part) (koikarper_disk_free_bytes / koikarper_disk_size_bytes)", "{{part}}"),
        palette.steps((0.1, palette.LATE), (0.2, palette.CALM), base=palette.ALARM),
        most=1,
    )
    yield lines(
        Says("Grootte van de database", "Hoeveel ruimte het logboek in PostgreSQL inneemt.", "bytes", width=16),
        Ask("max(koikarper_database_size_bytes)", "database"),
    )
    yield lines(
        Says("Geheugen per dienst", "Hoeveel werkgeheugen elke dienst gebruikt.", "bytes", width=12),
        Ask("max by (instance) (process_resident_memory_bytes)", "{{instance}}"),
    )
    yield lines(
        Says("Rekentijd per dienst", "Welk deel van één rekenkern elke dienst gebruikt.", "percentunit", width=12),
        Ask("sum by (instance) (rate(process_cpu_seconds_total[5m]))", "{{instance}}"),
    )
