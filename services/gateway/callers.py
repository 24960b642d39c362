"""Who calls: a JSON Web Token, signed with a known key, issued for this gateway, and not expired."""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import Key

from events.signals import CANARY
from services.agreements.model import Agreements
from services.agreements.senders import Sender
from services.gateway.keys import Keys
from services.gateway.problems import Problem
from services.ledger.queries import Scope
from services.runtime.clock import Clock

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Asymmetric ones only: no secret is shared with callers, and `none` is no signature."""

LEEWAY_SECONDS = 5
TOKEN_LENGTH_MAX = 8_192
TOKENS_MAX = 1_000
"""Tokens whose signature is remembered, by their SHA-256: no token is kept. The one remembered longest makes room."""

Role = Literal["team", "department", "operator"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; an operator has no code."""

    role: Role
    code: str = ""

    @property
    def sender(self) -> Sender | None:
        """The team or department as which the caller speaks; None for an operator, who reads only."""
        return None if self.role == "operator" else (self.role, self.code)

    @property
    def scope(self) -> Scope:
        """What the caller may read."""
        return Scope(
            team=self.code if self.role == "team" else None,
            department=self.code if self.role == "department" else None,
        )

    def __str__(self) -> str:
        return f"{self.role}:{self.code}" if self.code else self.role


@dataclass(slots=True)
class _Signed:
    """The claims of a token whose signature is right, and the key with which it was found so.

    Once they were found good at a moment, they are until they expire: what else they say of time (`nbf`, `iat`) only
    says from when on.
    """

    kid: str | None
    key: Key
    claims: dict[str, Any]
    caller: Caller | None = None
    since: float = math.inf
    until: float = -math.inf

    def caller_at(self, seconds: float) -> Caller | None:
        """Whom they were found to name, where nothing about them can have changed by this moment."""
        return self.caller if self.since <= seconds < self.until else None


class Callers:
    """Reads tokens."""

    def __init__(self, keys: Keys, agreements: Agreements, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._agreements = agreements
        self._clock = clock
        self._expected: dict[str, jwt.ClaimsOption] = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": audience},
            "exp": {"essential": True},
        }
        self._signed: OrderedDict[bytes, _Signed] = OrderedDict()

    async def identify(self, token: str | None) -> Caller:
        """The caller of a bearer token; a problem 401 when it proves nothing, 403 when it names nobody known."""
        if not token:
            raise _unauthorized("Send a token in the header: Authorization: Bearer <JWT>.", "")
        if len(token) > TOKEN_LENGTH_MAX:
            raise _unauthorized(f"The token is longer than {TOKEN_LENGTH_MAX} characters.")
        now = int(self._clock().timestamp())
        try:
            signed = await self._signed_token(token)
            caller = signed.caller_at(now)
            if caller is not None:
                return caller
            jwt.JWTClaimsRegistry(now, LEEWAY_SECONDS, **self._expected).validate(signed.claims)
        except (ExpiredTokenError, MissingClaimError, InvalidClaimError) as error:
            raise _unauthorized(_sentence(error)) from None
        except (JoseError, ValueError, TypeError):
            raise _unauthorized("The token cannot be read, or its signature is wrong.") from None
        signed.caller = caller_of(signed.claims, self._agreements)
        signed.since, signed.until = now, signed.claims["exp"]
        return signed.caller

    async def _signed_token(self, token: str) -> _Signed:
        """What the token says, once its signature is found right; whether it still holds is not looked at.

        A signature is looked at once: the same bytes cannot become wrong, as long as the key is one that is known.
        """
        mark = sha256(token.encode("ascii")).digest()
        signed = self._signed.get(mark)
        kid = _kid(jws.extract_compact(token.encode("ascii")).headers()) if signed is None else signed.kid
        key = await self._keys.find(kid)
        if key is None:
            raise _unauthorized("The token is signed with a key that is not known here.")
        if signed is None or signed.key is not key:
            signed = _Signed(kid, key, jwt.decode(token, key, algorithms=ALGORITHMS).claims)
            self._keep(mark, signed)
        return signed

    def _keep(self, mark: bytes, signed: _Signed) -> None:
        self._signed[mark] = signed
        if len(self._signed) > TOKENS_MAX:
            self._signed.popitem(last=False)


def caller_of(claims: Mapping[str, Any], agreements: Agreements) -> Caller:
    """The one team, department or operator that the claims name; a problem 403 when they name none that is known."""
    named = [name for name in ("team", "department", "role") if claims.get(name) is not None]
    if len(named) != 1:
        raise Problem(403, "The token must hold exactly one of the claims team, department, or role: operator.")
    code = claims[named[0]]
    if named == ["role"] and code == "operator":
        return Caller("operator")
    if named == ["team"] and isinstance(code, str) and code in {*agreements.teams, CANARY}:
        return Caller("team", code)
    if named == ["department"] and isinstance(code, str) and code in agreements.departments:
        return Caller("department", code)
    raise Problem(403, f"The token's {named[0]} is not known in the agreements of {agreements.municipality.name}.")


def _kid(header: Mapping[str, Any]) -> str | None:
    kid = header.get("kid")
    return kid if isinstance(kid, str) else None


def _sentence(error: JoseError) -> str:
    if isinstance(error, ExpiredTokenError):
        return "The token has expired; ask for a new one."
    claim = getattr(error, "claim", None) or "claim"
    return f"The token's {claim} is missing, or not what this gateway expects."


def _unauthorized(detail: str, error: str = ', error="invalid_token"') -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="koikarper"{error}'})
