"""What the three dashboards have in common: their names, their links to one another, their order on the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from events.moments import AMSTERDAM
from services.dashboards.panels import Panel

TOWN = "koikarper-town"
DEPARTMENT = "koikarper-department"
MACHINERY = "koikarper-machinery"

LEVELS: Mapping[str, tuple[str, str]] = {
    TOWN: ("De stad", "Wie er in de hele stad wacht"),
    DEPARTMENT: ("Een afdeling", "Wat er bij één afdeling wacht"),
    MACHINERY: ("De machinerie", "Of het systeem zelf goed werkt"),
}
"""From the whole to the parts: the name of each level, and what it shows."""

OPEN_DEPARTMENT = "/d/" + DEPARTMENT + "?var-department={code}&${{__url_time_range}}"


@dataclass(frozen=True, slots=True)
class Section:
    """A row of the page: its title, and the panels under it from left to right."""

    title: str
    panels: Iterable[Panel]


def page(uid: str, title: str, description: str, since: str, sections: Iterable[Section]) -> build.Dashboard:
    """A dashboard of these sections, from top to bottom, over the time since `since`."""
    dashboard = (
        build.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["koikarper"])
        .readonly()
        .timezone(str(AMSTERDAM))
        .time(since, "now")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .timepicker(build.TimePicker().refresh_intervals(["15s", "30s", "1m", "5m", "15m"]))
    )
    for other, (name, tooltip) in LEVELS.items():
        if other != uid:
            dashboard.link(_link(other, name, tooltip))
    for section in sections:
        dashboard.with_row(build.Row(section.title))
        for panel in section.panels:
            dashboard.with_panel(panel)
    return dashboard


def finished(dashboard: build.Dashboard) -> model.Dashboard:
    """The dashboard with a number on each of its panels."""
    built = dashboard.build()
    for number, panel in enumerate(built.panels or (), start=1):
        panel.id_val = number
    return built


def open_department(code: str) -> list[dict[str, str]]:
    """The link to a department's page; `code` is Grafana's name for its code at that place."""
    return [{"title": "Open de afdeling", "url": OPEN_DEPARTMENT.format(code=code)}]


def _link(uid: str, title: str, tooltip: str) -> build.DashboardLink:
    link = build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(f"/d/{uid}").tooltip(tooltip)
    return link.icon("dashboard").keep_time(True).include_vars(True)
