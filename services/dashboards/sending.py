"""Of the machinery: what goes out of the outbox."""

from collections.abc import Iterator

from services.dashboards import palette, words
from services.dashboards.panels import Ask, Panel, Says, figure, lines
from services.dashboards.percentiles import NO_TRAFFIC


def sending() -> Iterator[Panel]:
    """The outbox and the relay."""
    yield lines(
        Says("Berichten in de outbox", "Hoeveel berichten op verzending wachten.", "none", width=8),
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
            "Wat in vijf minuten mislukte: lezen door een lezer en versturen door de relay worden opnieuw gedaan; een"
            " fout van de gateway ziet de vrager zelf.",
            "none",
            height=6,
        ),
        Ask("sum(increase(koikarper_runtime_consumer_retries_total[5m])) or vector(0)", "lezen"),
        Ask("sum(increase(koikarper_runtime_relay_failures_total[5m])) or vector(0)", "versturen"),
        Ask('sum(increase(koikarper_runtime_gateway_request_seconds_count{status="5xx"}[5m])) or vector(0)', "gateway"),
    )
