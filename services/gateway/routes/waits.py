"""Waits, precedents and patterns: for every caller."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import Code
from events.outcomes import Stage
from events.signals import KINDS, Kind
from events.texts import Short
from services.gateway import cursors
from services.gateway.paging import ListQuery
from services.gateway.parts import Parts, ThisCaller, ThisGateway
from services.gateway.showing import show_precedent
from services.gateway.views import Page, PatternView, PrecedentView, WaitView, page, page_of
from services.ledger import queries

router = APIRouter(tags=["figures"])

STAGES: tuple[Stage, ...] = ("acknowledge", "resolve", "confirm")


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
        wanted = await _page(connection, query, after, parts)
    items, last = page_of(wanted, _key, after, query.limit)
    return Page(items=items, next=cursors.encode("waits", last) if last else None)


async def _page(connection: AsyncConnection, query: WaitQuery, after: str | None, parts: Parts) -> list[WaitView]:
    """At least what one page needs and whether more follows: departments in their order, a few at a time."""
    known = [code for code in await parts.waits.departments(connection) if query.department in (None, code)]
    codes = [code for code in known if after is None or code >= after.split(" ")[0]]
    of_each = (1 if query.kind else len(KINDS)) * (1 if query.stage else len(STAGES))
    at_once = query.limit // of_each + 1
    views: list[WaitView] = []
    now = parts.clock()
    for first in range(0, len(codes), at_once):
        some = codes[first : first + at_once]
        found = await parts.waits.of(connection, now, some, kind=query.kind, stage=query.stage)
        views += map(WaitView.model_validate, found)
        if sum(1 for view in views if after is None or _key(view) > after) > query.limit:
            break
    return views


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
    return f"{wait.department} {wait.kind} {STAGES.index(wait.stage)}"
