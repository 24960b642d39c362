"""What a canary's team and department say, as records for a desk."""

from typing import Any

from events.catalogue import PREFIX
from events.envelope import structured
from events.identifiers import SignalId, assignment_id, signal_id
from services.runtime.records import Record
from tests.integration.ledger.desk import START, Desk

SOURCE = "urn:nld:oin:00000099000000001000:systeem:koikarper-canary"
TOPIC = "neighbourhood.canary"


def signal_of(name: str) -> SignalId:
    return signal_id(SOURCE, name)


def report(desk: Desk, name: str, *, seconds: float, source: str = SOURCE, **data: Any) -> Record:
    body = {"team": "canary", "neighbourhood": "GM9999", "title": "Kanarie"} | data
    return desk.record(TOPIC, _event(source, name, "signals.canary", body), seconds=seconds)


def resolve(desk: Desk, name: str, *, seconds: float) -> Record:
    own = {"assignment": str(assignment_id(signal_of(name), "canary", 1)), "by": "canary", "outcome": "not-needed"}
    event = _event(SOURCE, f"resolve-{name}", "assignments.resolved", own | {"explanation": "so far"})
    return desk.record("department.canary.answers", event, seconds=seconds)


def confirm(desk: Desk, name: str, *, seconds: float, source: str = SOURCE, team: str = "canary") -> Record:
    event = _event(source, f"confirm-{name}", "signals.confirmed", {"signal": str(signal_of(name)), "by": "canary"})
    return desk.record(f"team.{team}.answers", event, seconds=seconds)


async def go_round(desk: Desk, name: str, *, seconds: float, takes: float = 2) -> None:
    """A whole round that begins at `seconds`, each step in a batch of its own."""
    await desk.take_in(report(desk, name, seconds=seconds))
    await desk.take_in(resolve(desk, name, seconds=seconds + takes / 2))
    await desk.take_in(confirm(desk, name, seconds=seconds + takes))


def _event(source: str, id_: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
    return structured(id_=id_, source=source, type_=f"{PREFIX}.{name}.v1", time=START, data=data)
