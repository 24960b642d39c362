"""What the routes work with; put together by `app.build`, handed to each request."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from services.agreements.model import Agreements
from services.gateway.callers import Caller, Callers
from services.gateway.looking import Looks
from services.gateway.outlet import Outlet
from services.gateway.reader import LedgerReader
from services.gateway.recordings import Recordings
from services.ledger.books import LedgerBooks
from services.ledger.current_waits import CurrentWaits
from services.runtime.clock import Clock

BEARER = HTTPBearer(
    scheme_name="token",
    bearerFormat="JWT",
    description="Signed with a key of the JWKS; with the claim `team` or `department` (a code), or `role: operator`.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """One gateway's parts."""

    agreements: Agreements
    books: LedgerBooks
    callers: Callers
    reader: LedgerReader
    looks: Looks
    waits: CurrentWaits
    recordings: Recordings
    outlet: Outlet
    clock: Clock


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


ThisGateway = Annotated[Parts, Depends(_parts)]


async def identified(
    request: Request, parts: ThisGateway, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
) -> Caller:
    """The caller of a request, kept with it for the log; a problem 401 or 403 when it is nobody."""
    return await known_caller(request, parts, bearer.credentials if bearer else None)


async def known_caller(request: Request, parts: Parts, token: str | None) -> Caller:
    """As `identified`, from the token itself."""
    caller = await parts.callers.identify(token)
    request.state.caller = caller
    return caller


def bearer_token(authorization: str | None) -> str | None:
    """The token in the header `Authorization`, as `BEARER` reads it; None where there is none."""
    scheme, token = get_authorization_scheme_param(authorization)
    return token if scheme.lower() == "bearer" and token else None


ThisCaller = Annotated[Caller, Depends(identified)]
"""Who calls; every route but the public ones asks for it."""
