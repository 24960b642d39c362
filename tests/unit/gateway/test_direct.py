"""What is answered before FastAPI has the same headers, problems and counts as all else."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry

from services.gateway.callers import Caller
from services.gateway.direct import DirectCalls
from services.gateway.headers import ALWAYS
from services.gateway.metrics import RequestSeconds
from services.gateway.parts import bearer_token
from services.gateway.problems import Problem, unavailable
from services.runtime.errors import TransientError

COUNT = "koikarper_runtime_gateway_request_seconds_count"
ERRORS = {
    "problem": Problem(409, "No."),
    "away": TransientError("away"),
    "full": unavailable("Full."),
    "fault": RuntimeError("hunter2"),
}


async def endpoint(request, caller, _parts, prefer):
    if error := ERRORS.get(request.headers.get("case")):
        raise error
    return Response(f"{caller} {prefer}", 202, {"API-Own": "1"})


class Everyone:
    async def identify(self, token):
        if token != "koi":
            raise Problem(401, "Who?", headers={"WWW-Authenticate": "Bearer"})
        return Caller("team", "noord")


def asked(method: str = "POST", path: str = "/v1/events", **headers: str) -> tuple[httpx.Response, CollectorRegistry]:
    app, registry = FastAPI(openapi_url=None), CollectorRegistry()
    app.post("/v1/events")(lambda: None)
    seconds = RequestSeconds(app, registry, {"/v1/events"})
    direct = DirectCalls(seconds, {("POST", "/v1/events"): endpoint}, SimpleNamespace(callers=Everyone()), seconds)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(direct, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers={"authorization": "Bearer koi"} | headers)

    return asyncio.run(ask()), registry


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"authorization": "Bearer carp"}, 401),
        ({"accept": "text/html"}, 406),
        ({"case": "problem"}, 409),
        ({"case": "away"}, 503),
        ({"case": "full"}, 503),
        ({"case": "fault"}, 500),
    ],
)
def test_every_answer_carries_the_headers_and_is_counted(headers, status):
    answer, registry = asked(**headers)
    assert answer.status_code == status
    for name, value in ALWAYS.items():
        assert answer.headers.get_list(name) == [value]
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert "hunter2" not in answer.text
    labels = {"route": "/v1/events", "status": f"{status // 100}xx"}
    assert registry.get_sample_value(COUNT, labels) == 1


def test_an_answer_keeps_its_own_headers_and_hears_what_the_caller_prefers():
    answer, _ = asked(prefer="wait=1")
    assert (answer.text, answer.headers["api-own"]) == ("team:noord wait=1", "1")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/events", 405), ("POST", "/v1/koi", 404)])
def test_all_else_is_fastapis(method, path, status):
    assert asked(method, path)[0].status_code == status


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer koi", "koi"), ("bearer koi", "koi"), ("Basic koi", None), ("Bearer", None), ("", None), (None, None)],
)
def test_a_token_is_what_follows_the_word_bearer(header, token):
    assert bearer_token(header) == token
