"""The record as lines of JSON, each a CloudEvent in structured mode; pure.

An event stands there as it was sent, and what the ledger knows of it in extension attributes: whatever reads
CloudEvents (an SDK, an archive, an auditor's script) reads the file without knowing the ledger. Less those attributes
its bytes are those that were sealed. Where that cannot be (its sender uses one of these names itself) the bytes stand
in an envelope. What belongs to the record and nobody sent (seals, agreements, how far was read) are events of the
ledger's own types, so that each line is read in the same way. The last line counts the others, and holds the SHA-256
over them: a file that was cut off or edited is refused.

Numbers of 64 bits are text, for an extension's number has 32.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from events.catalogue import PREFIX
from events.envelope import encode, structured
from services.runtime.errors import KoikarperError

FORMAT = 1
SOURCE = "urn:koikarper:record"
Kind = Literal["begun", "agreements", "sealed", "entry", "passed", "read", "ended"]
"""`entry` is an event in its envelope; one that stands as it was sent has its own type."""
_OWN = f"{PREFIX}.record."
_EXTENSIONS = {
    "seq": "koikarperseq",
    "topic": "koikarpertopic",
    "partition": "koikarperpartition",
    "offset": "koikarperoffset",
    "at": "koikarperat",
    "signal": "koikarpersignal",
    "sender": "koikarpersender",
    "refused": "koikarperrefused",
    "seal": "koikarperseal",
}


class NotTheRecord(KoikarperError):  # noqa: N818 - says what happened
    """The file is not what `koikarper export record` writes, or not all of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says: a row of a table, by the names of its columns."""

    kind: Kind
    row: dict[str, Any]


def own(kind: Kind, id_: object, time: datetime, data: Mapping[str, Any]) -> bytes:
    """A line of the ledger's own; bytes in `data` are to be text already."""
    raw = structured(id_=f"{kind}-{id_}", source=SOURCE, type_=f"{_OWN}{kind}.v1", time=time, data={**data})
    return encode(raw) + b"\n"


def entry(row: Mapping[str, Any]) -> bytes:
    """The line of one row of the record."""
    body = bytes(row["body"])
    known = {name: _plain(row[column]) for column, name in _EXTENSIONS.items() if row[column] is not None}
    raw = json.loads(body)
    if encode(raw) == body and not raw.keys() & set(_EXTENSIONS.values()):
        return encode(raw | known) + b"\n"
    data = {"body": base64.b64encode(body).decode()}
    envelope = structured(id_=f"entry-{row['seq']}", source=SOURCE, type_=f"{_OWN}entry.v1", time=row["at"], data=data)
    return encode(envelope | known) + b"\n"


def read_line(line: bytes) -> Line:
    """What a line says; raises `NotTheRecord`."""
    try:
        raw = json.loads(line)
        type_ = raw["type"]
        if type_.startswith(_OWN) and raw["source"] == SOURCE:
            kind: Kind = type_.removeprefix(_OWN).removesuffix(".v1")
            return _entry(raw, base64.b64decode(raw["data"]["body"])) if kind == "entry" else Line(kind, raw["data"])
        known = set(_EXTENSIONS.values())
        return _entry(raw, encode({name: value for name, value in raw.items() if name not in known}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotTheRecord(f"a line is none that `koikarper export record` writes: {error!r}") from None


def _entry(raw: Mapping[str, Any], body: bytes) -> Line:
    row: dict[str, Any] = {column: raw.get(name) for column, name in _EXTENSIONS.items()}
    event = json.loads(body)
    row |= {"source": event["source"], "id": event["id"], "type": event["type"], "body": body}
    row |= {name: int(row[name]) for name in ("seq", "offset", "seal", "partition")}
    row |= {"at": datetime.fromisoformat(row["at"]), "signal": row["signal"] and UUID(row["signal"])}
    return Line("entry", row)


def _plain(value: Any) -> str:
    """As an extension attribute holds it."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
