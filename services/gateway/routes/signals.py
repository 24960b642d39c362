"""Signals, and what was said about each."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlalchemy.engine import RowMapping

from events.identifiers import Code, NeighbourhoodCode
from events.signals import Kind
from events.texts import Short
from services.gateway import cursors
from services.gateway.paging import ListQuery
from services.gateway.parts import ThisCaller, ThisGateway
from services.gateway.problems import Problem
from services.gateway.showing import show_entry, show_signal
from services.gateway.views import EntryView, Page, SignalView, page
from services.ledger import queries
from services.ledger.queries import SignalFilter
from services.ledger.state import SignalState

router = APIRouter(tags=["signals"])

Id = Annotated[UUID, Path(description="The signal's id: the UUIDv5 of its event's source and id.")]


class SignalQuery(ListQuery):
    """Which signals."""

    state: SignalState | None = None
    kind: Kind | None = None
    team: Code | None = None
    neighbourhood: NeighbourhoodCode | None = None
    rule: Short | None = None
    spoken_with: bool | None = Field(
        default=None,
        description="Whether contact with residents was recorded; `false` finds the signals nobody has spoken about.",
    )


@router.get("/v1/signals", operation_id="listSignals", summary="List signals, the newest first")
async def list_signals(
    query: Annotated[SignalQuery, Query()], caller: ThisCaller, parts: ThisGateway
) -> Page[SignalView]:
    """List the signals that the caller may see. `neighbourhood` also finds what lies in it."""
    wanted = SignalFilter(
        state=query.state,
        kind=query.kind,
        team=query.team,
        neighbourhood=query.neighbourhood,
        rule=query.rule,
        spoken_with=query.spoken_with,
    )
    after = cursors.position("signals", query.after)
    now = parts.clock()
    async with parts.reader.reading() as connection:
        rows = await queries.signals(connection, caller.scope, wanted, after, query.limit)
        ids = [row["id"] for row in rows[: query.limit]]
        assignments = await queries.assignments_of(connection, ids)
        contacts = await queries.contacts_of(connection, ids)

    def cursor(row: RowMapping) -> str:
        return cursors.encode("signals", row["waiting_since"], row["id"])

    return page(rows, query.limit, lambda row: show_signal(row, assignments, contacts, now), cursor)


@router.get("/v1/signals/{id}", operation_id="getSignal", summary="Read one signal")
async def get_signal(id: Id, caller: ThisCaller, parts: ThisGateway) -> SignalView:  # noqa: A002 - the contract's name
    """Read a signal with all its assignments."""
    async with parts.reader.reading() as connection:
        row = await queries.signal(connection, caller.scope, id)
        assignments = await queries.assignments_of(connection, [id])
        contacts = await queries.contacts_of(connection, [id])
    if row is None:
        raise missing()
    return show_signal(row, assignments, contacts, parts.clock())


@router.get("/v1/signals/{id}/timeline", operation_id="getTimeline", summary="Read what was said about a signal")
async def get_timeline(
    id: Id,  # noqa: A002 - the contract's name
    query: Annotated[ListQuery, Query()],
    caller: ThisCaller,
    parts: ThisGateway,
) -> Page[EntryView]:
    """Read the events that teams and departments sent about a signal, in the order of their moments."""
    after = cursors.record_position(query.after)
    async with parts.reader.reading() as connection:
        row = await queries.signal(connection, caller.scope, id)
        rows = await queries.timeline(connection, id, after, query.limit)
    if row is None:
        raise missing()

    def cursor(row: RowMapping) -> str:
        return cursors.encode("timeline", row["at"], row["seq"])

    return page(rows, query.limit, show_entry, cursor)


def missing() -> Problem:
    """The problem of a signal that is not there, or not the caller's to read."""
    return Problem(404, "There is no such signal that you may read. One just sent may not be recorded yet.")
