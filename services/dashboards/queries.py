"""Every query of a dashboard as Grafana would send it, to run them without Grafana."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "onbekend"
"""What a panel says when there is nothing fresh to say: on a normal day it does not, for it has data."""

GRAFANA = {"$__rate_interval": "1m", "$__interval": "1m", "$__range": "1h", "$__url_time_range": ""}
"""What Grafana fills in, for a time range of an hour; the longer names first."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel, with the variables filled in."""

    dashboard: str
    """The uid."""
    panel: str
    """The title."""
    ref: str
    expr: str
    instant: bool
    """At one moment (`/api/v1/query`), or over a range."""
    needs_data: bool
    """Whether it gives at least one series on a normal day; the other panels say in words why they have none."""


def queries(dashboard: Mapping[str, Any], department: str) -> Iterator[Query]:
    """The queries of a dashboard (Grafana's JSON), with `department` chosen in it.

    A panel whose words for no data are other than `onbekend` may be empty on a normal day.
    """
    for panel in dashboard["panels"]:
        empty = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", UNKNOWN)
        for target in panel.get("targets", ()):
            yield Query(
                dashboard=dashboard["uid"],
                panel=panel["title"],
                ref=target["refId"],
                expr=filled(target["expr"], department),
                instant=bool(target.get("instant")),
                needs_data=empty == UNKNOWN,
            )


def filled(text: str, department: str) -> str:
    """`text` with the variables of Grafana and of the dashboard filled in."""
    for variable, value in {**GRAFANA, "$department": department}.items():
        text = text.replace(variable, value)
    return text
