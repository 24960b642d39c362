"""What was agreed: departments, teams, kinds of signal."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel

from events.catalogue import neighbourhood_topic, signal_type
from events.signals import KINDS, SIGNALS
from services.agreements.model import Agreements, Department, Promise
from services.gateway import cursors
from services.gateway.paging import ListQuery
from services.gateway.parts import ThisCaller, ThisGateway
from services.gateway.views import DepartmentView, KindView, Page, PromiseView, TeamView, page_of

router = APIRouter(tags=["agreements"])

Paging = Annotated[ListQuery, Query()]
T = TypeVar("T", bound=BaseModel)


@router.get("/v1/departments", operation_id="listDepartments", summary="List departments")
async def list_departments(
    query: Paging,
    caller: ThisCaller,  # noqa: ARG001 - any caller may, but not nobody
    parts: ThisGateway,
) -> Page[DepartmentView]:
    """List who must answer, and within how long."""
    agreements = parts.agreements
    return _page(
        "departments", "code", [_department(agreements, one) for one in agreements.departments.values()], query
    )


@router.get("/v1/teams", operation_id="listTeams", summary="List teams")
async def list_teams(
    query: Paging,
    caller: ThisCaller,  # noqa: ARG001 - any caller may, but not nobody
    parts: ThisGateway,
) -> Page[TeamView]:
    """List who emits signals, and where."""
    return _page("teams", "code", [TeamView.model_validate(team) for team in parts.agreements.teams.values()], query)


@router.get("/v1/kinds", operation_id="listKinds", summary="List kinds of signal")
async def list_kinds(
    query: Paging,
    caller: ThisCaller,  # noqa: ARG001 - any caller may, but not nobody
) -> Page[KindView]:
    """List what a team can report."""
    return _page("kinds", "kind", kinds(), query)


def kinds() -> list[KindView]:
    """The kinds of signal, from the catalogue."""
    return [
        KindView(
            kind=kind,
            type=signal_type(kind),
            topic=neighbourhood_topic(kind),
            description=(SIGNALS[kind].__doc__ or "").strip(),
            data_schema=f"/v1/schemas/{signal_type(kind)}",
        )
        for kind in KINDS
    ]


def _page(kind: str, key: str, items: list[T], query: ListQuery) -> Page[T]:
    after = cursors.decode(kind, query.after, str)[0] if query.after else None
    shown, last = page_of(items, lambda item: str(getattr(item, key)), after, query.limit)
    return Page(items=shown, next=cursors.encode(kind, last) if last else None)


def _department(agreements: Agreements, department: Department) -> DepartmentView:
    return DepartmentView(
        code=department.code,
        name=department.name,
        promise=_promise(agreements.promises[department.promise]),
        calendar=department.calendar,
        rules=list(department.rules),
        agendas=list(department.agendas),
        until=department.until,
        successor=department.successor,
    )


def _promise(promise: Promise) -> PromiseView:
    return PromiseView(
        name=promise.name,
        acknowledge=str(promise.acknowledge),
        resolve=str(promise.resolve),
        confirm=str(promise.confirm),
        extensions=promise.extensions,
        extension=str(promise.extension) if promise.extension else None,
    )
