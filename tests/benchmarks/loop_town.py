"""The town of the measurements of the whole loop: its agreements, and what its people say."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from events.catalogue import PREFIX, department_answers, neighbourhood_topic, signal_type, team_answers
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import signal_id

KIND = "initiative-blocked"
SIGNALS = neighbourhood_topic(KIND)
TEAMS = ("noord", "zuid")
PROMPT, LATE = "permits", "parks"
"""A department that answers at once, and one that answers after its promise, so that the timekeeper has work."""
LATE_SECONDS = 40.0
TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
  urgent: {acknowledge: 20 seconds, resolve: 30 seconds, confirm: 24 hours, extensions: 0}
ladders:
  short:
    - {stage: acknowledge, at: 50%, remind: department}
    - {stage: acknowledge, at: due, escalate: permits}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, sources: ["urn:permits"]}
  parks: {name: Groen, calendar: office, promise: urgent, ladder: short, sources: ["urn:parks"]}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901], sources: ["urn:noord"]}
  zuid: {name: Wijkteam Zuid, neighbourhoods: [WK999902], sources: ["urn:zuid"]}
routes:
  - {when: {kind: initiative-blocked, blockedBy: permit}, to: [permits]}
  - {when: {kind: initiative-blocked, blockedBy: property}, to: [parks]}
default: permits
patterns: {signals: 3, within: 90 days}
"""
_NEIGHBOURHOODS = {"noord": "BU99990101", "zuid": "BU99990201"}

Headers = tuple[tuple[str, bytes], ...]
Message = tuple[str, bytes, bytes, Headers]
"""Topic, key, value and headers, as they go to Kafka."""


def signal(number: int, *, late: bool = False, id_: str | None = None, **data: Any) -> tuple[str, dict[str, Any]]:
    """The source and the event of a signal; the teams take turns."""
    team = TEAMS[number % len(TEAMS)]
    own = {
        "team": team,
        "neighbourhood": _NEIGHBOURHOODS[team],
        "title": f"Koi {number}",
        "description": "De buurt wil een vijver, en niemand zegt of het mag. " * 4,
        "initiative": "A pond",
        "blockedBy": "property" if late else "permit",
    }
    return f"urn:{team}", _event(id_ or str(uuid.uuid4()), f"urn:{team}", signal_type(KIND), own | data)


def resolved(department: str, assignment: str) -> Message:
    """The department is done, which says at once that it is theirs."""
    data = {"assignment": assignment, "by": "clerk", "outcome": "solved", "explanation": "The pond may come."}
    event = _event(f"done-{assignment}", f"urn:{department}", f"{PREFIX}.assignments.resolved.v1", data)
    return message(department_answers(department), event)


def confirmed(team: str, signal_: str) -> Message:
    """The team says that it is so for the residents."""
    data = {"signal": signal_, "by": "teamlid"}
    event = _event(f"so-{signal_}", f"urn:{team}", f"{PREFIX}.signals.confirmed.v1", data)
    return message(team_answers(team), event)


def message(topic: str, event: dict[str, Any]) -> Message:
    """As it goes to Kafka: keyed by its id, in structured mode."""
    return topic, event["id"].encode(), encode(event), STRUCTURED_HEADERS


def signal_key(source: str, event: dict[str, Any]) -> str:
    """The signal's id, under which all that the loop tells of it is found."""
    return str(signal_id(source, event["id"]))


def department_topics() -> Iterator[str]:
    """Where departments hear what is theirs."""
    return (f"department.{code}.assignments" for code in (PROMPT, LATE))


def team_topics() -> Iterator[str]:
    """Where teams hear what came of it."""
    return (f"team.{code}.feedback" for code in TEAMS)


def _event(id_: str, source: str, type_: str, data: dict[str, Any]) -> dict[str, Any]:
    return structured(id_=id_, source=source, type_=type_, time=datetime.now(UTC), data=data)
