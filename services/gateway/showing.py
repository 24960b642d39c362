"""From the ledger's rows to what callers read."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.engine import RowMapping

from events.identifiers import loop_id
from services.gateway.views import AssignmentView, EntryView, PrecedentView, SignalView
from services.ledger.state import OPEN


def show_assignment(row: RowMapping, now: datetime) -> AssignmentView:
    """An assignment as it stands at `now`."""
    late = row["state"] in OPEN and row["resolve_first"] < now
    late = late or (row["state"] == "waiting" and row["acknowledge_by"] < now)
    return AssignmentView.model_validate({**row, "overdue": late})


def show_signal(row: RowMapping, assignments: Iterable[RowMapping], now: datetime) -> SignalView:
    """A signal with those of `assignments` that are of it."""
    own = [show_assignment(item, now) for item in assignments if item["signal"] == row["id"]]
    return SignalView.model_validate({**row, "assignments": own})


def show_entry(row: RowMapping) -> EntryView:
    """An event of the record."""
    body: dict[str, Any] = json.loads(bytes(row["body"]))
    return EntryView.model_validate({**row, "data": body.get("data") or {}})


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
