"""Errors as RFC 9457 problems, each of which says what is wrong, where, and what to do."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from events.faults import Fault
from services.runtime.errors import TransientError
from services.runtime.logging import audit

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
REFUSALS = (401, 403, 409)
"""Calls that somebody may not make, or that cannot be: noted in the audit log (BIO2 8.15.01)."""

Place = Literal["body", "query", "path", "header"]


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    in_: Place = Field(alias="in", description="The part of the request in which it is.")
    path: str = Field(description="Where in it, as in `data.rules[1].code`; empty for the whole.")
    detail: str = Field(description="What is wrong.")
    index: int | None = Field(None, description="In a batch: the number of the event, from 0.")


class ProblemBody(BaseModel):
    """A problem (RFC 9457)."""

    type: str = Field("about:blank", description="`about:blank`: the status says what kind of problem it is.")
    title: str
    status: int
    detail: str
    code: str | None = Field(None, description="With 409: why, as a code (contract 1.4, or `conflicting-repeat`).")
    errors: list[Mistake] | None = Field(None, description="Everything that is wrong, all together.")


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """An answer that is no success; raised anywhere under a route."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Iterable[Mistake] = (),
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.code = code
        self.headers = dict(headers or {})
        super().__init__(f"{status}: {detail}")

    def response(self) -> Response:
        """The problem on the wire."""
        body = ProblemBody(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            errors=self.errors or None,
        )
        content = body.model_dump(mode="json", by_alias=True, exclude_none=True)
        return JSONResponse(content, status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE)


def mistakes(faults: Iterable[Fault], *, in_: Place = "body", index: int | None = None) -> list[Mistake]:
    """The faults of an event as mistakes in a request."""
    return [
        Mistake.model_validate({"in": in_, "path": where, "detail": what, "index": index}) for where, what in faults
    ]


def invalid(errors: Iterable[Mistake]) -> Problem:
    """The problem of a request with these mistakes; nothing of it was done."""
    listed = list(errors)
    count = "1 thing is" if len(listed) == 1 else f"{len(listed)} things are"
    return Problem(400, f"{count} wrong with the request; see errors. Nothing of it was done.", errors=listed)


def unavailable(what: str) -> Problem:
    """The problem of infrastructure that is away for now."""
    detail = f"{what} Try again in {RETRY_AFTER_SECONDS} seconds; a repeat of the same request is safe."
    return Problem(503, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        Problem: _problem,
        HTTPException: _http,
        RequestValidationError: _validation,
        TransientError: _transient,
        Exception: _fault,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


def problem_response(request: Request, error: Problem) -> Response:
    """The answer to a call that is no success; a refusal is noted in the audit log."""
    if error.status in REFUSALS:
        origin = request.client.host if request.client else ""
        actor = str(getattr(request.state, "caller", "unknown"))
        audit("call", f"{request.method} {request.url.path}", "refused", origin=origin, actor=actor, why=error.detail)
    return error.response()


async def _problem(request: Request, error: Problem) -> Response:
    return problem_response(request, error)


async def _transient(_request: Request, error: TransientError) -> Response:
    return transient_response(error)


async def _fault(_request: Request, _error: Exception) -> Response:
    return fault_response()


async def _http(request: Request, error: HTTPException) -> Response:
    detail = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not possible at {request.url.path}.",
    }.get(error.status_code, str(error.detail))
    return Problem(error.status_code, detail, headers=error.headers).response()


async def _validation(_request: Request, error: RequestValidationError) -> Response:
    return invalid(_mistake(item) for item in error.errors()).response()


def transient_response(error: TransientError) -> Response:
    """The answer while something is away that the gateway needs."""
    _log.warning("A request could not be answered: %s", error)
    return unavailable("Something that the gateway needs is away.").response()


def fault_response() -> Response:
    """The answer to a fault of our own: the server logs it, and its text is not for callers."""
    return Problem(
        500, "The gateway made a mistake; it is in its log. A repeat of the same request is safe."
    ).response()


def _mistake(item: Mapping[str, Any]) -> Mistake:
    place, *rest = item["loc"]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest).removeprefix(".")
    detail = {"missing": "is required", "extra_forbidden": "is not known here; remove it or correct its name"}.get(
        item["type"], str(item["msg"]).removeprefix("Value error, ")
    )
    detail = detail[:1].lower() + detail[1:]
    return Mistake.model_validate({"in": place, "path": path, "detail": detail})
