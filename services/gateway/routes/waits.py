"""Waits, precedents and patterns: for every caller."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.engine import RowMapping

from events.identifiers import Code
from events.outcomes import Stage
from events.signals import Kind
from events.texts import Short
from services.gateway import cursors
from services.gateway.paging import ListQuery
from services.gateway.parts import ThisCaller, ThisGateway
from services.gateway.showing import show_precedent
from services.gateway.views import Page, PatternView, PrecedentView, WaitView, page, page_of
from services.ledger import queries

router = APIRouter(tags=["figures"])


class WaitQuery(ListQuery):
    """Which waits."""

    department: Code | None = None
    kind: Kind | None = None
    stage: Stage | None = None


class PrecedentQuery(ListQuery):
    """Which precedents."""

    rule: Short | None = None
    department: Code | None = None


@router.get("/v1/waits", operation_id="listWaits", summary="Who waits how long")
async def list_waits(
    query: Annotated[WaitQuery, Query()],
    caller: ThisCaller,  # noqa: ARG001 - any caller may, but not nobody
    parts: ThisGateway,
) -> Page[WaitView]:
    """List the waits per department, kind and stage; one in which nothing happened yet is left out."""
    after = cursors.decode("waits", query.after, str)[0] if query.after else None
    async with parts.reader.reading() as connection:
        found = await queries.waits(connection, parts.clock(), department=query.department, kind=query.kind)
    wanted = [WaitView.model_validate(wait) for wait in found if query.stage in (None, wait.stage)]
    items, last = page_of(wanted, _key, after, query.limit)
    return Page(items=items, next=cursors.encode("waits", last) if last else None)


@router.get("/v1/precedents", operation_id="listPrecedents", summary="List custom solutions, the latest first")
async def list_precedents(
    query: Annotated[PrecedentQuery, Query()],
    caller: ThisCaller,  # noqa: ARG001 - any caller may, but not nobody
    parts: ThisGateway,
) -> Page[PrecedentView]:
    """List where a department departed from its own rule, and why. One that is contested is no precedent any more."""
    after = cursors.position("precedents", query.after)
    async with parts.reader.reading() as connection:
        rows = await queries.precedents(connection, query.rule, query.department, after, query.limit)

    def cursor(row: RowMapping) -> str:
        return cursors.encode("precedents", row["resolved_at"], row["id"])

    return page(rows, query.limit, show_precedent, cursor)


@router.get("/v1/patterns", operation_id="listPatterns", summary="List patterns")
async def list_patterns(
    query: Annotated[ListQuery, Query()],  # noqa: ARG001 - taken and checked as by every list
    caller: ThisCaller,  # noqa: ARG001 - any caller may, but not nobody
) -> Page[PatternView]:
    """List the rules and agendas behind several signals. None are detected yet, so the list is empty."""
    return Page(items=[], next=None)


def _key(wait: WaitView) -> str:
    stages: tuple[Stage, ...] = ("acknowledge", "resolve", "confirm")
    return f"{wait.department} {wait.kind} {stages.index(wait.stage)}"
