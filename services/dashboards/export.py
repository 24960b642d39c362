"""The dashboards as files for Grafana's provisioning."""

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from services.agreements.model import Agreements
from services.dashboards import department, machinery, town
from services.dashboards.frame import finished


def dashboard_files(agreements: Agreements) -> dict[str, str]:
    """Each dashboard's JSON by its file's name."""
    pages = (town.dashboard(agreements), department.dashboard(agreements), machinery.dashboard())
    built = map(finished, pages)
    return {f"{one.uid}.json": json.dumps(one, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n" for one in built}
