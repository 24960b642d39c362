"""The agreements of a replay: the log's departments, one team, one promise, and every case where the log says it is."""

from __future__ import annotations

import json
from collections.abc import Mapping as Table

from services.local.replay.constants import TEAM
from services.local.replay.mapping import Mapping

OIN = "00000099000000001000"
"""A test number (Logius): a replayed town is no organisation."""


def agreements(mapping: Mapping, departments: Table[str, str]) -> str:
    """The text of the agreements, for the departments by code with their names; JSON, which YAML holds.

    There are no routes: each signal names its department itself, as a team may.
    """
    place = mapping.report["neighbourhood"]
    return json.dumps(
        {
            "municipality": {"code": f"GM{place[2:6]}", "name": "Replay", "oin": OIN},
            "calendars": {"office": {"hours": {"mon-fri": ["09:00-17:00"]}, "holidays": "NL"}},
            "promises": {"standard": mapping.promise.model_dump()},
            "departments": {
                code: {"name": name, "calendar": "office", "promise": "standard"} for code, name in departments.items()
            },
            "teams": {TEAM: {"name": "Replay", "neighbourhoods": [place]}},
            "default": min(departments),
        },
        ensure_ascii=False,
        indent=1,
    )
