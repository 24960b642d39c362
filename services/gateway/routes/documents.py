"""What describes the interface: public, for anyone's browser."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse

from events import asyncapi, schemas
from events.catalogue import CATALOGUE
from services.gateway.headers import API_VERSION
from services.gateway.openapi import document
from services.gateway.problems import Problem

router = APIRouter(tags=["documents"])

Json = dict[str, Any]


@router.get("/v1/openapi.json", operation_id="getOpenapi", summary="This document")
async def get_openapi(request: Request) -> Json:
    """Read the OpenAPI document of the calls."""
    state = request.app.state
    if not hasattr(state, "openapi"):
        state.openapi = document(request.app)
    found: Json = state.openapi
    return found


@router.get("/v1/asyncapi.json", operation_id="getAsyncapi", summary="The topics and events")
async def get_asyncapi(request: Request) -> Json:
    """Read the AsyncAPI document of the topics."""
    state = request.app.state
    if not hasattr(state, "asyncapi"):
        state.asyncapi = asyncapi.document(API_VERSION)
    found: Json = state.asyncapi
    return found


@router.get("/v1/schemas/{type}", operation_id="getSchema", summary="The JSON Schema of one type of event")
async def get_schema(
    type: Annotated[str, Path(description="The event's type, as in `nl.koikarper.signals.phase-changed.v1`.")],  # noqa: A002 - the contract's name
) -> JSONResponse:
    """Read the JSON Schema of the events of one type."""
    if type not in CATALOGUE:
        raise Problem(404, f"There is no type of event {type[:200]!r}; the kinds are listed at /v1/kinds.")
    return JSONResponse(schemas.schema_of(type), media_type="application/schema+json")
