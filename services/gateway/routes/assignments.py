"""Assignments."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy.engine import RowMapping

from events.identifiers import Code
from events.signals import Kind
from services.gateway import cursors
from services.gateway.paging import ListQuery
from services.gateway.parts import ThisCaller, ThisGateway
from services.gateway.problems import Problem
from services.gateway.showing import show_assignment
from services.gateway.views import AssignmentView, Page, page
from services.ledger import queries
from services.ledger.queries import AssignmentFilter
from services.ledger.state import AssignmentState

router = APIRouter(tags=["assignments"])


class AssignmentQuery(ListQuery):
    """Which assignments."""

    department: Code | None = None
    state: AssignmentState | None = None
    overdue: bool | None = None
    kind: Kind | None = None


@router.get("/v1/assignments", operation_id="listAssignments", summary="List assignments, the longest waiting first")
async def list_assignments(
    query: Annotated[AssignmentQuery, Query()], caller: ThisCaller, parts: ThisGateway
) -> Page[AssignmentView]:
    """List a department's own assignments, those of a team's own signals, or for an operator all."""
    now = parts.clock()
    wanted = AssignmentFilter(
        department=query.department, state=query.state, kind=query.kind, overdue=query.overdue, now=now
    )
    after = cursors.position("assignments", query.after)
    async with parts.reader.reading() as connection:
        rows = await queries.assignments(connection, caller.scope, wanted, after, query.limit)

    def cursor(row: RowMapping) -> str:
        return cursors.encode("assignments", row["waiting_since"], row["id"])

    return page(rows, query.limit, lambda row: show_assignment(row, now), cursor)


@router.get("/v1/assignments/{id}", operation_id="getAssignment", summary="Read one assignment")
async def get_assignment(
    id: Annotated[UUID, Path(description="The assignment's id.")],  # noqa: A002 - the contract's name
    caller: ThisCaller,
    parts: ThisGateway,
) -> AssignmentView:
    """Read an assignment of the caller's own department, or of a signal of the caller's own team."""
    async with parts.reader.reading() as connection:
        row = await queries.assignment(connection, caller.scope, id)
    if row is None:
        raise Problem(404, "There is no such assignment that you may read.")
    return show_assignment(row, parts.clock())
