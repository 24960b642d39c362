"""Contacts with residents, read from the record: how often somebody spoke with them, and the last time who and how."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.moments import parse_moment
from services.ledger.tables import Table

RECORD = Table.metadata.tables["record"]
TYPE = "nl.koikarper.signals.contact-recorded.v1"


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts with residents about one signal; all but `times` is of the last one."""

    times: int
    on: datetime
    with_: str  # "resident" or "residents-group"
    form: str
    by: str  # the role at the team that spoke with them


async def contacts_of(connection: AsyncConnection, signals: Collection[UUID]) -> dict[UUID, Contacts]:
    """The recorded contacts about each of `signals` that has any; one with a department is none with residents."""
    if not signals:
        return {}
    query = select(RECORD.c.signal, RECORD.c.at, RECORD.c.body).where(
        RECORD.c.signal.in_(signals), RECORD.c.type == TYPE, RECORD.c.refused.is_(None)
    )
    found: dict[UUID, Contacts] = {}
    for row in await connection.execute(query.order_by(RECORD.c.at, RECORD.c.seq)):
        data: dict[str, Any] = json.loads(bytes(row.body))["data"]
        if data["with"] != "department":
            found[row.signal] = _after(found.get(row.signal), data, row.at)
    return found


def _after(before: Contacts | None, data: dict[str, Any], at: datetime) -> Contacts:
    """What is known after one more contact; told late, an earlier one counts but is not the last."""
    on = min(parse_moment(data["on"]) if data.get("on") else at, at)  # as the ledger's core decides it
    times = before.times + 1 if before else 1
    if before and on < before.on:
        return Contacts(times, before.on, before.with_, before.form, before.by)
    return Contacts(times, on, data["with"], data["form"], data["by"])
