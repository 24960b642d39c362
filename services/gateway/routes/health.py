"""Whether the gateway lives and is ready: for whoever runs it, without a token."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from services.runtime import health

router = APIRouter(include_in_schema=False)


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Answer that the process lives."""
    return {"live": True}


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Answer what the gateway needs, and whether it has it."""
    service = request.app.state.service
    answer: JSONResponse = health.answer(await health.readiness([service]))
    return answer
