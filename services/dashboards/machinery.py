"""The third level: whether the machinery itself is well."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard as build

from services.dashboards import palette, pulse, words
from services.dashboards.frame import MACHINERY, Section, page
from services.dashboards.panels import Ask, Panel, Says, bars, figure, lines, listing

NO_TRAFFIC = "geen verkeer in de afgelopen vijf minuten"
P95 = "histogram_quantile(0.95, sum by ({by}, le) (rate({name}_bucket[5m])))"
"""Within what time 95% was done."""


def dashboard() -> build.Dashboard:
    """The machinery's dashboard; it follows from the metrics alone."""
    sections = (
        Section("De polsslag", pulse.panels()),
        Section("Wie loopt er achter?", _behind()),
        Section("Hoeveel, en hoe snel", _speed()),
        Section("Versturen: de outbox en de relay", _outbox()),
        Section("Onleesbare berichten, en de tijd", _letters_and_time()),
        Section("Ruimte, geheugen en rekentijd", _room()),
    )
    description = (
        "Of het systeem zelf goed werkt: leest het alles, verstuurt het alles, en hoe snel. Wat een alarm betekent"
        " en wat u dan doet, staat in deploy/runbook.md."
    )
    return page(MACHINERY, "Koikarper · De machinerie", description, "now-6h", sections)


def _behind() -> Iterator[Panel]:
    yield lines(
        Says(
            "Ongelezen berichten",
            "Hoeveel berichten elke lezer nog voor zich heeft. Een piek die vanzelf zakt is gewoon.",
            "none",
            width=12,
        ),
        Ask("sum by (consumer) (koikarper_runtime_consumer_lag_records)", "{{consumer}}"),
    )
    yield lines(
        Says(
            "Oudste ongelezen bericht",
            "Hoe oud het oudste bericht is dat een lezer nog niet heeft gelezen; nul als alles gelezen is. De"
            " stippellijn is de grens van het alarm.",
            "s",
            width=12,
        ),
        Ask(
            "time() - min by (consumer) (koikarper_runtime_consumer_oldest_unread_timestamp_seconds)"
            " or 0 * sum by (consumer) (koikarper_runtime_consumer_lag_records)",
            "{{consumer}}",
        ),
        steps=palette.steps((300, palette.ALARM)),
    )
    yield lines(
        Says(
            "Ongelezen door afdelingen",
            "Berichten die het eigen systeem van een afdeling nog niet heeft opgehaald.",
            "none",
            empty="geen afdeling leest met een eigen systeem mee",
            width=12,
        ),
        Ask("max by (department) (koikarper_department_unread_records)", "{{department}}"),
    )
    yield lines(
        Says(
            "Logboek loopt achter, per onderwerp",
            "Hoeveel tijd aan ontvangen berichten het logboek van elk onderwerp (topic) nog niet heeft gelezen.",
            "s",
            width=12,
        ),
        Ask(
            "topk(10, clamp_min(max by (topic) (scalar(max(koikarper_snapshot_timestamp_seconds))"
            " - koikarper_read_until_timestamp_seconds), 0))",
            "{{topic}}",
        ),
        steps=palette.steps((300, palette.ALARM)),
    )


def _speed() -> Iterator[Panel]:
    yield lines(
        Says("Gelezen berichten per seconde", "Hoeveel berichten elke lezer verwerkt.", "reqps", width=12),
        Ask("sum by (consumer) (rate(koikarper_runtime_consumer_batch_records_sum[5m]))", "{{consumer}}"),
    )
    yield lines(
        Says(
            "Duur van een partij berichten",
            "Binnen welke tijd 95% van de partijen verwerkt is, per lezer.",
            "s",
            empty=NO_TRAFFIC,
            width=12,
        ),
        Ask(P95.format(by="consumer", name="koikarper_runtime_consumer_batch_seconds"), "{{consumer}}"),
    )
    yield lines(
        Says(
            "Duur van een verzoek aan de gateway",
            "Binnen welke tijd 95% van de verzoeken beantwoord is, per adres.",
            "s",
            empty=NO_TRAFFIC,
            width=8,
        ),
        Ask(P95.format(by="route", name="koikarper_runtime_gateway_request_seconds"), "{{route}}"),
    )
    yield lines(
        Says(
            "Duur van publiceren op Kafka",
            "Binnen welke tijd alle kopieën 95% van de berichten hebben, per afzender.",
            "s",
            empty=NO_TRAFFIC,
            width=8,
        ),
        Ask(P95.format(by="publisher", name="koikarper_runtime_publish_seconds"), "{{publisher}}"),
    )
    yield lines(
        Says(
            "Rondgang van de proefmelding",
            "Hoe lang de laatste proefmelding over de hele weg deed: gateway, Kafka, logboek, relay, afdeling en"
            " terug.",
            "s",
            width=8,
        ),
        Ask("max(koikarper_canary_roundtrip_seconds)", "rondgang"),
    )


def _outbox() -> Iterator[Panel]:
    yield lines(
        Says("Nog te versturen", "Hoeveel berichten in de outbox op verzending wachten.", "none", width=8),
        Ask("max(koikarper_outbox_rows)", "berichten"),
    )
    yield lines(
        Says(
            "Oudste bericht in de outbox",
            "Hoe lang het oudste bericht op verzending wacht. De stippellijn is de grens van het alarm.",
            "s",
            width=8,
        ),
        Ask("clamp_min(koikarper:outbox:age_seconds, 0)", "oudste"),
        steps=palette.steps((120, palette.ALARM)),
    )
    yield lines(
        Says(
            "Van outbox tot verstuurd",
            "Binnen welke tijd 95% van de berichten na het schrijven bij alle kopieën van Kafka is.",
            "s",
            empty=NO_TRAFFIC,
            width=8,
        ),
        Ask(
            "histogram_quantile(0.95, sum by (le) (rate(koikarper_runtime_relay_outbox_wait_seconds_bucket[5m])))",
            "95%",
        ),
    )
    yield figure(
        Says("Actieve relays", "Precies één relay verstuurt; een tweede staat klaar.", "none", height=6),
        "koikarper:relay:active",
        palette.steps((1, palette.CALM), (2, palette.LATE), base=palette.ALARM),
        words.meaning(0, "■ geen enkele", palette.ALARM),
        words.meaning(1, "● één, zoals het hoort", palette.CALM),
    )
    yield figure(
        Says(
            "Signalen die op een fout wachten",
            "Signalen waarvan een bericht niet verstuurd kon worden; wat erna komt wacht mee, de rest gaat door.",
            "none",
            height=6,
        ),
        "sum(koikarper_runtime_relay_held)",
        palette.ANY_IS_LATE,
        words.meaning(0, "geen", palette.CALM),
    )
    yield lines(
        Says("Verstuurd per seconde", "Berichten die de relay naar Kafka stuurt.", "reqps", height=6),
        Ask("sum(rate(koikarper_runtime_relay_rows_sent_total[5m]))", "verstuurd"),
    )
    yield lines(
        Says(
            "Mislukte pogingen",
            "Pogingen in vijf minuten die mislukten en opnieuw gedaan worden: lezen door een lezer, versturen door"
            " de relay.",
            "none",
            height=6,
        ),
        Ask("sum(increase(koikarper_runtime_consumer_retries_total[5m])) or vector(0)", "lezen"),
        Ask("sum(increase(koikarper_runtime_relay_failures_total[5m])) or vector(0)", "versturen"),
    )


def _letters_and_time() -> Iterator[Panel]:
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
        curve=True,
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


def _room() -> Iterator[Panel]:
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
