"""Who may call at all."""

import io
import json
import logging
import time
from collections.abc import Iterator

import pytest
import structlog
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from services.gateway.headers import ALWAYS
from services.runtime.logging import configure


async def with_token(town, token: str):
    return await town.call(None, "GET", "/v1/kinds", headers={"Authorization": f"Bearer {token}"})


async def test_who_sends_no_token_is_asked_for_one(town):
    answer = await town.get(None, "/v1/signals")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"iss": "somebody-else"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": None},
        {"nbf": int(time.time()) + 86_400},
    ],
    ids=["expired", "no end", "foreign issuer", "no issuer", "foreign audience", "no audience", "not yet"],
)
async def test_a_token_that_does_not_hold_here_is_refused(town, claims):
    answer = await with_token(town, town.issuer.token("team:noord", **claims))
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("token", ["koi", "a.b.c", "e30.e30.", "é", "x" * 10_000])
async def test_what_is_no_token_is_refused(town, token):
    headers = {"Authorization": f"Bearer {token}".encode()}
    assert (await town.call(None, "GET", "/v1/kinds", headers=headers)).status_code == 401


async def test_a_token_of_another_key_is_refused(town):
    stranger = ECKey.generate_key("P-256", {"kid": town.issuer.key.kid})
    forged = type(town.issuer)(stranger).token("team:noord")
    assert (await with_token(town, forged)).status_code == 401


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(town):
    secret = OctKey.import_key(town.issuer.key.as_pem(private=False).hex())
    claims = {"iss": "koikarper", "aud": "koikarper", "exp": int(time.time()) + 60, "role": "operator"}
    token = jwt.encode({"alg": "HS256", "kid": town.issuer.key.kid}, claims, secret, ["HS256"])
    assert (await with_token(town, token)).status_code == 401


@pytest.mark.parametrize(
    ("caller", "claims"),
    [
        ("team:west", {}),
        ("department:law", {}),
        ("chief", {}),
        ("team:noord", {"role": "operator"}),
        ("team:noord", {"team": None}),
        ("team:noord", {"team": ["noord"]}),
    ],
)
async def test_a_token_that_names_nobody_known_is_forbidden(town, caller, claims):
    assert (await with_token(town, town.issuer.token(caller, **claims))).status_code == 403


@pytest.mark.parametrize("caller", ["team:noord", "department:permits", "operator"])
async def test_teams_departments_and_operators_may_call(town, caller):
    assert (await town.get(caller, "/v1/kinds")).status_code == 200


@pytest.fixture
def log(town) -> Iterator[io.StringIO]:
    """What the gateway writes into its log."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = root.handlers, root.level
    configure(town.settings, stream)
    yield stream
    root.handlers, root.level = before, level
    structlog.reset_defaults()


async def test_a_refused_call_is_noted_with_who_tried_what(town, log):
    await town.get(None, "/v1/signals")
    await town.send("operator", town.event())
    await town.send("team:noord", town.event())
    lines = [line for line in map(json.loads, log.getvalue().splitlines()) if line["logger"] == "koikarper.audit"]
    noted = [(line["action"], line["object"].split(" ")[0], line["result"], line["actor"]) for line in lines]
    assert noted == [
        ("call", "GET", "refused", "unknown"),
        ("call", "POST", "refused", "operator"),
        ("emit", "signal", "done", "team:noord"),
    ]
    assert all(line["origin"] == "127.0.0.1" for line in lines)
