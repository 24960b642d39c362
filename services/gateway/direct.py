"""A route of which FastAPI knows the signature, for the document and nothing else: it is called with what it asks.

Solving dependencies and checking one's own answer costs FastAPI about as much as everything the gateway does with an
event. Where most calls go, the caller is asked for directly and the endpoint writes its answer itself; the parameters
are read by the same functions as everywhere.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.callers import Caller
from services.gateway.parts import BEARER, Parts, identified

Direct = Callable[[Request, Caller, Parts, str | None], Awaitable[Response]]
"""Answers a request of a caller, with the header `Prefer` if there is one."""


class DirectRoute(APIRoute):
    """Its endpoint is a `Direct`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls for a request."""
        endpoint: Direct = self.endpoint

        async def handle(request: Request) -> Response:
            parts: Parts = request.app.state.parts
            caller = await identified(request, parts, await BEARER(request))
            return await endpoint(request, caller, parts, request.headers.get("prefer"))

        return handle
