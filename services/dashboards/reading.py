"""Of the machinery: who reads what, how far behind, and how fast."""

from collections.abc import Iterator

from services.dashboards import palette
from services.dashboards.panels import Ask, Panel, Says, lines
from services.dashboards.percentiles import NO_TRAFFIC, P95


def behind() -> Iterator[Panel]:
    """How much of what was received is unread."""
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


def speed() -> Iterator[Panel]:
    """How much is done, and in what time."""
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
