"""From the ledger's rows to what callers read."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping

from events.identifiers import loop_id
from services.gateway.views import AssignmentView, ContactView, EntryView, PrecedentView, SignalView
from services.ledger.grievances import happened_since
from services.ledger.queries import Contacts
from services.ledger.state import OPEN


def show_assignment(row: RowMapping, now: datetime) -> AssignmentView:
    """An assignment as it stands at `now`."""
    late = row["state"] in OPEN and row["resolve_first"] < now
    late = late or (row["state"] == "waiting" and row["acknowledge_by"] < now)
    return AssignmentView.model_validate({**row, **_happened(row), "overdue": late})


def show_signal(
    row: RowMapping, assignments: Iterable[RowMapping], contacts: Mapping[UUID, Contacts], now: datetime
) -> SignalView:
    """A signal with those of `assignments` and `contacts` that are of it."""
    own = [show_assignment(item, now) for item in assignments if item["signal"] == row["id"]]
    spoken = contacts.get(row["id"])
    contact = {
        "contacts": spoken.times if spoken else 0,
        "last_contact": ContactView.model_validate(spoken) if spoken else None,
    }
    return SignalView.model_validate({**row, **_happened(row), **contact, "assignments": own})


def show_entry(row: RowMapping) -> EntryView:
    """An event of the record."""
    body: dict[str, Any] = json.loads(bytes(row["body"]))
    return EntryView.model_validate({**row, "data": body.get("data") or {}})


def _happened(row: RowMapping) -> dict[str, datetime | None]:
    return {"waiting_since_happened": happened_since(row["happened_on"]) if row["happened_on"] else None}


def show_precedent(row: RowMapping) -> PrecedentView:
    """The precedent that a resolution published; its id is the one of that event (contract 1.4)."""
    solution = row["custom_solution"]
    return PrecedentView(
        precedent=loop_id("precedent", row["id"], row["resolved_at"]),
        rule=solution["rule"],
        features=solution["features"],
        justification=solution["justification"],
        outcome=row["outcome"],
        department=row["department"],
        signal=row["signal"],
        assignment=row["id"],
        resolved_at=row["resolved_at"],
    )
