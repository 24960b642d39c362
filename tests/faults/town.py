"""The town of a run: promises of seconds, so that within a run they are kept and broken; and the same town renamed."""

from __future__ import annotations

DEPARTMENTS = ("permits", "housing", "finance")
RENAMED, HEIR = "permits", "licences"
"""What `agreements-changed` does: the first code is retired, the second answers in its place."""
TEAMS = ("noord", "zuid")
NEIGHBOURHOODS = {"noord": "WK999901", "zuid": "WK999902"}
KINDS = ("initiative-blocked", "agendas-crossing", "custom-solution-requested", "grievance-reported", "phase-changed")

_TOWN = """\
municipality: {{code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}}
calendars:
  always: {{timezone: Europe/Amsterdam, hours: {{mon-sun: ["00:00-24:00"]}}}}
promises:
  standard: {{acknowledge: 2 seconds, resolve: 4 seconds, confirm: 2 seconds, extensions: 1, extension: 3 seconds}}
  urgent: {{acknowledge: 1 seconds, resolve: 3 seconds, confirm: 2 seconds, extensions: 0}}
ladders:
  standard:
    - {{stage: acknowledge, at: 50%, remind: department}}
    - {{stage: acknowledge, at: due, escalate: finance}}
    - {{stage: resolve, at: due, escalate: finance}}
departments:
  permits: {{name: Vergunningen, calendar: always, promise: standard, ladder: standard, rules: ["APV *"]{retired}}}
{heir}\
  housing: {{name: Wonen, calendar: always, promise: standard, ladder: standard, agendas: ["Woonvisie*"]}}
  finance: {{name: Concerncontrol, calendar: always, promise: urgent}}
teams:
  noord: {{name: Wijkteam Noord, neighbourhoods: [WK999901]}}
  zuid: {{name: Wijkteam Zuid, neighbourhoods: [WK999902]}}
routes:
  - {{when: {{kind: initiative-blocked}}, to: [{first}]}}
  - {{when: {{kind: agendas-crossing}}, to: [housing, finance]}}
  - {{when: {{kind: custom-solution-requested}}, to: [{first}, housing]}}
  - {{when: {{kind: grievance-reported}}, to: [finance], promise: urgent}}
  - {{when: {{kind: phase-changed}}, to: []}}
default: finance
patterns: {{signals: 3, within: 90 days}}
"""
_HEIR = "  licences: {name: Vergunningen en toezicht, calendar: always, promise: standard, ladder: standard}\n"


def town() -> str:
    """The agreements at the start of a run."""
    return _TOWN.format(retired="", heir="", first=RENAMED)


def renamed_town() -> str:
    """The agreements after a department got another code, with its assignments still open."""
    return _TOWN.format(retired=', until: "2020-01-01", successor: licences', heir=_HEIR, first=HEIR)
