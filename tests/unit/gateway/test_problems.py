"""Problems say what is wrong, where, and what to do."""

import json
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from events.faults import Fault
from services.gateway import problems
from services.gateway.problems import Problem, invalid, mistakes, unavailable
from services.runtime.errors import TransientError


def body(problem: Problem) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(problem.response().body))
    return found


def test_a_problem_is_as_rfc_9457_says():
    problem = Problem(409, "It cannot be.", code="already-closed")
    assert problem.response().media_type == "application/problem+json"
    assert body(problem) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "It cannot be.",
        "code": "already-closed",
    }


def test_every_mistake_has_its_place_and_in_a_batch_its_index():
    faults = [Fault("data.title", "is required")]
    problem = invalid([*mistakes(faults, index=3), *mistakes(faults, in_="query")])
    assert body(problem)["errors"] == [
        {"in": "body", "path": "data.title", "detail": "is required", "index": 3},
        {"in": "query", "path": "data.title", "detail": "is required"},
    ]
    assert body(problem)["detail"].startswith("2 things are wrong")


def test_what_is_away_says_when_to_come_back():
    problem = unavailable("The broker is away.")
    assert (problem.status, problem.response().headers["retry-after"]) == (503, "5")


class _Query(BaseModel):
    model_config = {"extra": "forbid"}
    limit: Annotated[int, Field(ge=1)] = 1
    name: str


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    problems.install(app)

    @app.get("/query")
    async def query(asked: Annotated[_Query, Query()]) -> int:
        return asked.limit

    @app.get("/away")
    async def away() -> None:
        raise TransientError("PostgreSQL at secret-host is away")

    @app.get("/fault")
    async def fault() -> None:
        raise RuntimeError("secret")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_every_error_of_an_application_is_a_problem(client):
    async with client:
        for path, status in (("/none", 404), ("/query/", 404), ("/query", 400), ("/away", 503), ("/fault", 500)):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["status"]) == (status, status)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "secret" not in answer.text
        assert (await client.post("/query")).status_code == 405


async def test_a_query_names_everything_that_is_wrong_with_it(client):
    async with client:
        answer = await client.get("/query?limit=0&koi=1")
    assert {(error["in"], error["path"]) for error in answer.json()["errors"]} == {
        ("query", "limit"),
        ("query", "name"),
        ("query", "koi"),
    }
