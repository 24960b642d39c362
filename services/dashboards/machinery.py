"""The third level: whether the machinery itself is well."""

from grafana_foundation_sdk.builders import dashboard as build

from services.dashboards import pulse, reading, sending, upkeep
from services.dashboards.frame import MACHINERY, Section, page


def dashboard() -> build.Dashboard:
    """The machinery's dashboard; it follows from the metrics alone."""
    sections = (
        Section("De polsslag", pulse.panels()),
        Section("Wie loopt er achter?", reading.behind()),
        Section("Hoeveel, en hoe snel", reading.speed()),
        Section("Versturen: de outbox en de relay", sending.sending()),
        Section("Onleesbare berichten, en de tijd", upkeep.letters_and_time()),
        Section("Ruimte, geheugen en rekentijd", upkeep.room()),
    )
    description = (
        "Of het systeem zelf goed werkt: leest het alles, verstuurt het alles, en hoe snel. Wat een alarm betekent"
        " en wat u dan doet, staat in deploy/runbook.md."
    )
    return page(MACHINERY, "Koikarper · De machinerie", description, "now-6h", sections)
