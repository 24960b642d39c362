"""Identifiers that anyone can compute or check: CBS codes, OIN, CloudEvents sources, and the loop's own UUIDs."""

import hashlib
import re
import uuid
from functools import lru_cache
from typing import Annotated, Any, NewType

from pydantic import BeforeValidator, WithJsonSchema

from events.forms import Form

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "koikarper.nl")
"""The namespace of every id that the loop makes (contract 1)."""
_NAMESPACE = NAMESPACE.bytes
_CONTENT = ~(0xF << 76 | 0x3 << 62)
_VERSION_AND_VARIANT = 0x5 << 76 | 0x2 << 62

SignalId = NewType("SignalId", uuid.UUID)
AssignmentId = NewType("AssignmentId", uuid.UUID)

MUNICIPALITY = r"GM[0-9]{4}"
DISTRICT = r"WK[0-9]{4}[0-9A-Z]{2}"
NEIGHBOURHOOD = r"BU[0-9]{4}[0-9A-Z]{4}"

MunicipalityCode = Annotated[str, Form(rf"^{MUNICIPALITY}$", "the CBS code of a municipality, as in GM0363", 6)]
NeighbourhoodCode = Annotated[
    str,
    Form(
        rf"^({MUNICIPALITY}|{DISTRICT}|{NEIGHBOURHOOD})$",
        "a CBS code of a municipality, district or neighbourhood, as in GM0363, WK0363AD or BU0363AD03",
        10,
    ),
]
"""A CBS code of a municipality, district or neighbourhood; letters are real since 2023 (`BU0363AD03`)."""

Code = Annotated[
    str, Form(r"^[a-z0-9]+(-[a-z0-9]+)*$", "a code of a-z, 0-9 and single hyphens, as in municipal-secretary", 60)
]
"""The code of a team, department or agreement; it becomes part of a topic's name."""

Oin = Annotated[str, Form(r"^000000[0-9]{14}$", "an OIN: 20 digits that begin with its prefix, as in 00000001", 20)]
"""An organisation's identification number (Logius): 20 digits, of which an 8-digit prefix."""

Source = Annotated[str, Form(r"^[!-~]+$", "a URI reference: printable ASCII without spaces", 300)]
"""A CloudEvents `source`; `urn:nld:oin:…:systeem:…` or `urn:nld:kvknr:…` is what the NL GOV profile asks for."""

EventId = Annotated[
    str, Form(r"^[^\u0000-\u001f\u007f-\u009f]+$", "an id of at least one character and no control character", 200)
]

_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_IS_UUID = re.compile(_UUID)


def _hyphenated(value: Any) -> Any:
    if isinstance(value, uuid.UUID) or (isinstance(value, str) and _IS_UUID.fullmatch(value)):
        return value
    raise ValueError("must be a UUID, as in 3f0c9a52-6f0e-5f3e-9d0a-1c9b7a3f2b10")


Identifier = Annotated[
    uuid.UUID,
    BeforeValidator(_hyphenated),
    WithJsonSchema({"type": "string", "format": "uuid", "pattern": _UUID}),
]
"""The id of a signal or assignment: a UUID in its one usual form (not braces, not `urn:uuid:`, not 32 digits)."""


@lru_cache(maxsize=2048)  # of one batch, in which each is asked for several times; a hash is made once
def signal_id(source: str, event_id: str) -> SignalId:
    """The id of the signal that the event `source` + `event_id` reports (contract 1)."""
    return SignalId(_uuid(_named(f"{source}\n{event_id}")))


def assignment_id(signal: SignalId, department: str, round_: int) -> AssignmentId:
    """The id of a department's assignment of a signal; `round_` counts from 1 (contract 1)."""
    return AssignmentId(_uuid(_named(f"{signal}\n{department}\n{round_}")))


def loop_id(*parts: object) -> str:
    """The id of an event that the loop decides; one decision always has one id, so a repeat is seen."""
    joined = "\n".join(map(str, parts))
    digits = f"{_named(joined):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _named(name: str) -> int:
    """The number of the UUIDv5 of `name`: what `uuid.uuid5` makes (RFC 9562, 5.5), in half of its time."""
    digest = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:16], "big") & _CONTENT | _VERSION_AND_VARIANT


def _uuid(number: int) -> uuid.UUID:
    """As `uuid.UUID(int=number)`, which needs three times as long to look for arguments of other sorts."""
    made = object.__new__(uuid.UUID)
    object.__setattr__(made, "int", number)  # its own refuses: an id does not change
    object.__setattr__(made, "is_safe", uuid.SafeUUID.unknown)
    return made
