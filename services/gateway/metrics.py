"""How long each route takes to answer, by the class of the answer; the gateway redirects nobody."""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OTHER = "other"
"""The route of a path that is none of the interface's: what callers type must not become a label."""
CLASSES = ("2xx", "4xx", "5xx")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
"""30 s is the longest that a caller may ask the gateway to wait (`Prefer: wait`)."""


class RequestSeconds:
    """Around the whole application, plain ASGI; `routes` are the path templates of the interface."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, routes: Iterable[str]) -> None:
        self._app = app
        self._routes = frozenset(routes)
        self._seconds = Histogram(
            "koikarper_runtime_gateway_request_seconds",
            "From the head of a request to the end of its answer.",
            ("route", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        # All from the start, so that each is there at 0; and a request need not look its own up by text.
        self._known = {
            (route, status): self._seconds.labels(route, status)
            for route in (*sorted(self._routes), OTHER)
            for status in CLASSES
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # of an application that raises, or is cancelled, before it answers
        started = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", OTHER)
            self.note(route, status, time.perf_counter() - started)

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count an answer of this route, given after so many seconds."""
        known = route if route in self._routes else OTHER
        labels = known, f"{status // 100}xx"
        (self._known.get(labels) or self._seconds.labels(*labels)).observe(seconds)
