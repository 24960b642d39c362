"""Calls that are answered before FastAPI's own layers: the ones that come most.

FastAPI's layers, its search for a route, and its solving of what a route asks for cost about as much as everything the
gateway itself does with an event. FastAPI knows these routes too, and describes them; its answer would be the same.
"""

import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.callers import Caller
from services.gateway.headers import refusal, standard
from services.gateway.metrics import RequestSeconds
from services.gateway.parts import Parts, bearer_token, known_caller
from services.gateway.problems import Problem, fault_response, problem_response, transient_response
from services.runtime.errors import TransientError

Endpoint = Callable[[Request, Caller, Parts, str | None], Awaitable[Response]]
"""Answers a request of a caller, with the header `Prefer` if there is one."""
Direct = Mapping[tuple[str, str], Endpoint]
"""The endpoints by method and path, a path without parameters."""


class DirectCalls:
    """One layer in place of all: the same headers, the same problems and the same count of seconds; the rest passes."""

    def __init__(self, app: ASGIApp, endpoints: Direct, parts: Parts, seconds: RequestSeconds) -> None:
        self._app = app
        self._endpoints = endpoints
        self._parts = parts
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = self._endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        status = 500  # of an endpoint that raises, or is cancelled, before it answers
        started = time.perf_counter()
        try:
            response = refusal(scope) or await self._answer(endpoint, Request(scope, receive), send)
            status = response.status_code
            await _write(response, scope, send)
        finally:
            self._seconds.note(scope["path"], status, time.perf_counter() - started)

    async def _answer(self, endpoint: Endpoint, request: Request, send: Send) -> Response:
        try:
            caller = await known_caller(request, self._parts, bearer_token(request.headers.get("authorization")))
            return await endpoint(request, caller, self._parts, request.headers.get("prefer"))
        except Problem as problem:
            return problem_response(request, problem)
        except TransientError as error:
            return transient_response(error)
        except Exception:
            await _write(fault_response(), request.scope, send)
            raise  # the server logs it


async def _write(response: Response, scope: Scope, send: Send) -> None:
    headers = [*response.raw_headers, *standard(scope["path"])]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
