"""What every answer carries (NLGov API Design Rules 2.1), and what a caller must be able to read.

Plain ASGI around the whole application, so that an error of the application itself carries the headers too.
"""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import Problem

API_VERSION = "1.0.0"
"""Of the interface, not of the software: contract 3; the first number stands in every path."""

ALWAYS = {
    "API-Version": API_VERSION,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PUBLIC = ("/v1/openapi.json", "/v1/asyncapi.json", "/v1/schemas/")
"""Read by anyone's browser, so any origin may."""

# As they go to the server, made once; an application's names are in lower case already.
_ALWAYS = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]
_PUBLIC = [(b"access-control-allow-origin", b"*")]
_NAMES = frozenset(name for name, _ in _ALWAYS)

WRITTEN = ("application/json", "application/problem+json", "application/schema+json")


class StandardHeaders:
    """Adds the headers, and refuses a caller that cannot read JSON (406)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [header for header in message.get("headers", ()) if header[0] not in _NAMES]
                message["headers"] = [*own, *standard(scope["path"])]
            await send(message)

        await (refusal(scope) or self._app)(scope, receive, send_with_headers)


def standard(path: str) -> Iterable[tuple[bytes, bytes]]:
    """The headers that every answer at this path carries."""
    return [*_ALWAYS, *_PUBLIC] if path.startswith(PUBLIC) else _ALWAYS


def refusal(scope: Scope) -> Response | None:
    """The answer to a caller that cannot read JSON (406); None to all others."""
    accept = [value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"]
    return None if accepts_json(accept) else _not_acceptable().response()


def accepts_json(accept: list[str]) -> bool:
    """Whether any of what the gateway writes is acceptable (RFC 9110, 12.5.1); no header accepts all."""
    ranges = [part for header in accept for part in header.split(",") if part.strip()]
    return not ranges or any(_accepts(part) for part in ranges)


def _accepts(part: str) -> bool:
    range_, *parameters = (piece.strip().lower() for piece in part.split(";"))
    if any(parameter.removeprefix("q=").strip("0.") == "" for parameter in parameters if parameter.startswith("q=")):
        return False
    return any(range_ in ("*/*", f"{type_.split('/')[0]}/*", type_) for type_ in WRITTEN)


def _not_acceptable() -> Problem:
    return Problem(406, "The gateway answers in application/json only; leave the Accept header out or accept that.")
