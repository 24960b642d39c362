"""Identifiers that anyone can compute or check: CBS codes, OIN, CloudEvents sources, and the loop's own UUIDs."""

import uuid
from typing import Annotated, NewType

from pydantic import StringConstraints

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "koikarper.nl")
"""The namespace of every id that the loop makes (contract 1)."""

SignalId = NewType("SignalId", uuid.UUID)
AssignmentId = NewType("AssignmentId", uuid.UUID)

MUNICIPALITY = r"GM\d{4}"
DISTRICT = r"WK\d{4}[0-9A-Z]{2}"
NEIGHBOURHOOD = r"BU\d{4}[0-9A-Z]{4}"

MunicipalityCode = Annotated[str, StringConstraints(pattern=rf"^{MUNICIPALITY}$")]
NeighbourhoodCode = Annotated[str, StringConstraints(pattern=rf"^({MUNICIPALITY}|{DISTRICT}|{NEIGHBOURHOOD})$")]
"""A CBS code of a municipality, district or neighbourhood; letters are real since 2023 (`BU0363AD03`)."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
"""The code of a team, department or agreement; it becomes part of a topic's name."""

Oin = Annotated[str, StringConstraints(pattern=r"^0000000[0-9]{13}$")]
"""An organisation's identification number (Logius): 20 digits, of which an 8-digit prefix."""

Source = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[!-~]+$")]
"""A CloudEvents `source`: a URI reference, so printable ASCII without spaces."""

EventId = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def signal_id(source: str, event_id: str) -> SignalId:
    """The id of the signal that the event `source` + `event_id` reports (contract 1)."""
    return SignalId(uuid.uuid5(NAMESPACE, f"{source}\n{event_id}"))


def assignment_id(signal: SignalId, department: str, round_: int) -> AssignmentId:
    """The id of a department's assignment of a signal; `round_` counts from 1 (contract 1)."""
    return AssignmentId(uuid.uuid5(NAMESPACE, f"{signal}\n{department}\n{round_}"))


def loop_id(*parts: object) -> str:
    """The id of an event that the loop decides; one decision always has one id, so a repeat is seen."""
    return str(uuid.uuid5(NAMESPACE, "\n".join(map(str, parts))))
