"""What every answer has, and what is answered to calls that are none of the interface's."""

import pytest
from openapi_spec_validator import validate

from events.catalogue import CATALOGUE
from services.gateway.headers import ALWAYS


def is_problem(answer, status: int) -> None:
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize("path", ["/v1/kinds", "/v1/openapi.json", "/health/live", "/v1/signals/koi"])
async def test_every_answer_carries_the_version_and_the_security_headers(town, path):
    answer = await town.get("operator", path)
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/koi", "/v1/signals/", "/docs", "/redoc", "/openapi.json", "/v2/kinds"]
)
async def test_what_is_not_there_is_a_problem_and_no_redirect(town, path):
    is_problem(await town.get("operator", path), 404)


async def test_another_method_is_refused_with_those_that_are_possible(town):
    answer = await town.call("operator", "DELETE", "/v1/signals")
    is_problem(answer, 405)
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*;q=0.5", "application/json;q=0"])
async def test_who_reads_no_json_is_told_so(town, accept):
    is_problem(await town.call("operator", "GET", "/v1/kinds", headers={"accept": accept}), 406)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/*;q=0.1", "APPLICATION/JSON"])
async def test_who_reads_json_is_answered(town, accept):
    assert (await town.call("operator", "GET", "/v1/kinds", headers={"accept": accept})).status_code == 200


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/signals/koi", [("path", "id")]),
        ("/v1/signals?limit=0", [("query", "limit")]),
        ("/v1/signals?limit=501&state=lost", [("query", "limit"), ("query", "state")]),
        ("/v1/signals?neighborhood=GM0363", [("query", "neighborhood")]),
        ("/v1/signals?after=koi", [("query", "after")]),
        ("/v1/assignments?overdue=maybe&after=", [("query", "overdue")]),
        ("/v1/assignments?after=", [("query", "after")]),
        ("/v1/departments?koi=1", [("query", "koi")]),
    ],
)
async def test_a_wrong_query_is_a_400_that_names_everything(town, path, where):
    answer = await town.get("operator", path)
    is_problem(answer, 400)
    assert sorted((error["in"], error["path"]) for error in answer.json()["errors"]) == sorted(where)


async def test_a_cursor_of_another_list_is_refused(town):
    for _ in range(2):
        await town.reported()
    cursor = (await town.get("operator", "/v1/signals", limit=1)).json()["next"]
    is_problem(await town.get("operator", "/v1/assignments", after=cursor), 400)


async def test_the_documents_are_public_for_every_origin(town):
    for path in ("/v1/openapi.json", "/v1/asyncapi.json", *(f"/v1/schemas/{type_}" for type_ in CATALOGUE)):
        answer = await town.call(None, "GET", path, headers={"origin": "https://example.org"})
        assert answer.status_code == 200, path
        assert answer.headers["access-control-allow-origin"] == "*"
    is_problem(await town.get(None, "/v1/schemas/koi"), 404)


async def test_the_openapi_document_is_valid_and_of_the_version_that_answers(town):
    answer = await town.get(None, "/v1/openapi.json")
    document = answer.json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == answer.headers["api-version"]


async def test_other_answers_are_for_no_other_origin(town):
    answer = await town.call("operator", "GET", "/v1/kinds", headers={"origin": "https://example.org"})
    assert "access-control-allow-origin" not in answer.headers


async def test_the_gateway_says_that_it_lives_and_is_ready(town):
    assert (await town.get(None, "/health/live")).status_code == 200
    ready = await town.get(None, "/health/ready")
    assert (ready.status_code, ready.json()["services"]["gateway"]["ready"]) == (200, True)
