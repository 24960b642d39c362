"""Who a token's claims name, and for how long a token is believed."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from services.agreements.loading import parse
from services.gateway import callers
from services.gateway.callers import ALGORITHMS, Caller, Callers, caller_of
from services.gateway.keys import Keys
from services.gateway.problems import Problem
from services.ledger.queries import Scope

AGREEMENTS = parse("""
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
default: permits
patterns: {signals: 3, within: 90 days}
""")


@pytest.mark.parametrize(
    ("claims", "caller", "scope"),
    [
        ({"team": "noord"}, Caller("team", "noord"), Scope(team="noord")),
        ({"department": "permits"}, Caller("department", "permits"), Scope(department="permits")),
        ({"role": "operator", "team": None}, Caller("operator"), Scope()),
    ],
)
def test_one_claim_names_the_caller_and_what_it_may_read(claims, caller, scope):
    found = caller_of(claims, AGREEMENTS)
    assert (found, found.scope) == (caller, scope)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"team": "permits"},
        {"department": "noord"},
        {"team": ""},
        {"team": ["noord"]},
        {"team": {"noord": 1}},
        {"role": "admin"},
        {"role": True},
        {"team": "noord", "department": "permits"},
        {"team": "noord", "role": "operator"},
    ],
)
def test_claims_that_name_nobody_or_two_are_forbidden(claims):
    with pytest.raises(Problem) as refused:
        caller_of(claims, AGREEMENTS)
    assert refused.value.status == 403


def test_an_operator_speaks_for_nobody():
    assert Caller("operator").sender is None
    assert Caller("team", "noord").sender == ("team", "noord")


def test_only_asymmetric_algorithms_are_taken():
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


class Signed:
    """A token of `key` that holds for a minute, and callers that read it."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
        self.served = [self.key]
        self.clock = Clock()
        self.keys = Keys("https://issuer", clock=self.clock_seconds, fetch=self.fetch)
        self.callers = Callers(self.keys, AGREEMENTS, issuer="us", audience="us", clock=self.clock)

    def clock_seconds(self) -> float:
        return self.clock.seconds

    async def fetch(self) -> bytes:
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.served]}).encode()

    def token(self, **more: int) -> str:
        claims = {"iss": "us", "aud": "us", "exp": int(self.clock.seconds) + 3_600, "team": "noord"} | more
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    async def status(self, token: str) -> int:
        try:
            await self.callers.identify(token)
        except Problem as refused:
            return refused.status
        return 200


def test_a_token_that_was_read_before_is_refused_once_it_expires():
    async def ask():
        signed = Signed()
        token = signed.token()
        assert await signed.status(token) == await signed.status(token) == 200
        signed.clock.seconds += 3_700
        return await signed.status(token)

    assert asyncio.run(ask()) == 401


def test_a_token_that_holds_from_later_on_is_taken_then_and_not_before():
    async def ask():
        signed = Signed()
        now = int(signed.clock.seconds)
        token = signed.token(nbf=now + 60)
        heard = []
        for seconds in (0, 61, 62, 30, 63):
            signed.clock.seconds = now + seconds
            heard.append(await signed.status(token))
        return heard

    assert asyncio.run(ask()) == [401, 200, 200, 401, 200]


def test_a_token_that_names_nobody_is_forbidden_each_time():
    async def ask():
        signed = Signed()
        token = signed.token(department=1)
        return [await signed.status(token), await signed.status(token)]

    assert asyncio.run(ask()) == [403, 403]


def test_a_token_that_was_read_before_is_refused_once_its_key_is_withdrawn():
    async def ask():
        signed = Signed()
        token = signed.token()
        assert await signed.status(token) == 200
        signed.served = [ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)]
        signed.clock.seconds += 301
        return await signed.status(token)

    assert asyncio.run(ask()) == 401


def test_a_key_that_takes_the_id_of_another_proves_nothing_that_the_other_signed():
    async def ask():
        signed = Signed()
        token = signed.token()
        assert await signed.status(token) == 200
        other = ECKey.generate_key("P-256").as_dict(private=False)
        signed.served = [ECKey.import_key(other | {"use": "sig", "kid": signed.key.kid})]
        signed.clock.seconds += 301
        return await signed.status(token)

    assert asyncio.run(ask()) == 401


def test_another_signature_under_the_same_words_is_looked_at_anew():
    async def ask():
        signed = Signed()
        token = signed.token()
        assert await signed.status(token) == 200
        return await signed.status(token[:-8] + "AAAAAAAA")

    assert asyncio.run(ask()) == 401


def test_only_so_many_tokens_are_remembered(monkeypatch):
    monkeypatch.setattr(callers, "TOKENS_MAX", 2)

    async def ask():
        signed = Signed()
        for _ in range(4):
            signed.clock.seconds += 1
            assert await signed.status(signed.token()) == 200
        return len(signed.callers._signed)

    assert asyncio.run(ask()) == 2
