"""Who waits the longest, as the town's page and a department's show it."""

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from services.agreements.model import Agreements
from services.dashboards import words
from services.dashboards.frame import open_department
from services.dashboards.panels import Panel, Says, listing

FRESH_ZERO = "koikarper:snapshot:zero"
"""0 while the figures are fresh, and absent else: what stands for `nobody` is never a zero that is not one."""


def names(agreements: Agreements) -> dict[str, str]:
    """Each department's name by its code."""
    return {department.code: department.name for department in agreements.departments.values()}


def longest(agreements: Agreements, says: Says, selector: str = "") -> Panel:
    """The longest waiting of the town, or of those the ones that `selector` takes."""
    panel = listing(
        says,
        f"time() - koikarper_longest_waiting_assignment_timestamp_seconds{selector}",
        columns={
            "Value": "Wacht al",
            "department": "Afdeling",
            "kind": "Soort signaal",
            "state": "Stand",
            "assignment": "Verzoek",
        },
        sort="Value",
    )
    panel.override_by_name("Wacht al", [DynamicConfigValue("unit", "s"), DynamicConfigValue("decimals", 1)])
    panel.override_by_name(
        "Afdeling",
        [
            DynamicConfigValue("mappings", [words.spoken(names(agreements))]),
            DynamicConfigValue("links", open_department("${__value.raw}")),
        ],
    )
    panel.override_by_name("Soort signaal", [DynamicConfigValue("mappings", [words.spoken(words.KINDS)])])
    return panel.override_by_name("Stand", [DynamicConfigValue("mappings", [words.spoken(words.STATES)])])
