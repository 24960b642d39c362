"""The client of the gateway: repeats what is safe to repeat, and says what went wrong so that it can be mended."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from services.department.client import TRIES_MAX, Client, GatewayError, gateway_url


class Gateway:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def client(self) -> Client:
        return Client("http://gateway/", "abc", transport=httpx.MockTransport(self._handle), sleep=self.slept.append)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], json=answer[1], headers=answer[2] if len(answer) > 2 else {})


AWAY = (503, {"title": "Service Unavailable", "status": 503, "detail": "Kafka is away."}, {"retry-after": "5"})
DONE = (202, {"accepted": [{"source": "urn:a", "id": "1", "signal": "s"}]})


def test_a_list_is_read_over_its_pages_with_the_same_filters() -> None:
    gateway = Gateway(
        (200, {"items": [{"id": 1}, {"id": 2}], "next": "c1"}), (200, {"items": [{"id": 3}], "next": None})
    )
    assert [row["id"] for row in gateway.client().assignments("permits", state="waiting", overdue=None)] == [1, 2, 3]
    assert [dict(request.url.params) for request in gateway.asked] == [
        {"department": "permits", "state": "waiting", "limit": "200"},
        {"department": "permits", "state": "waiting", "limit": "200", "after": "c1"},
    ]
    assert gateway.asked[0].headers["authorization"] == "Bearer abc"


def test_no_more_pages_are_asked_for_than_are_wanted() -> None:
    gateway = Gateway((200, {"items": [{"id": 1}, {"id": 2}], "next": "c1"}))
    assert gateway.client().assignments("permits", most=1) == [{"id": 1}]


def test_an_answer_is_repeated_under_the_same_key_while_the_gateway_is_away() -> None:
    gateway = Gateway(AWAY, httpx.ReadTimeout("slow"), DONE)
    assert gateway.client().answer("a-1", "resolve", {"by": "x"}, key="k", wait_seconds=5) == DONE[1]
    assert {request.headers["idempotency-key"] for request in gateway.asked} == {"k"}
    assert {request.headers["prefer"] for request in gateway.asked} == {"wait=5"}
    assert [json.loads(request.content) for request in gateway.asked] == [{"by": "x"}] * 3
    assert gateway.slept == [5.0]
    assert gateway.asked[0].url == "http://gateway/v1/assignments/a-1/resolve"


def test_a_gateway_that_stays_away_is_asked_a_few_times_only() -> None:
    gateway = Gateway(*[AWAY] * TRIES_MAX)
    with pytest.raises(GatewayError, match="Kafka is away") as caught:
        gateway.client().assignment("a-1")
    assert caught.value.status == 503
    assert len(gateway.slept) == TRIES_MAX - 1


def test_what_is_not_safe_to_repeat_is_sent_once() -> None:
    gateway = Gateway(AWAY)
    with pytest.raises(GatewayError):
        gateway.client().post("/v1/events", repeatable=False, content=b"{}")
    assert len(gateway.asked) == 1


@pytest.mark.parametrize("header", ["nonsense", "-3", "86400"])
def test_a_strange_retry_after_does_not_hang_or_break(header: str) -> None:
    gateway = Gateway((503, {}, {"retry-after": header}), (200, {"id": "a-1"}))
    assert gateway.client().assignment("a-1") == {"id": "a-1"}
    assert all(0 <= seconds <= 10 for seconds in gateway.slept)


def test_a_refusal_is_told_with_its_code_and_every_error() -> None:
    problem = {
        "title": "Bad Request",
        "status": 400,
        "detail": "2 things are wrong with the request; see errors.",
        "errors": [
            {"in": "body", "path": "by", "detail": "is required"},
            {"in": "body", "path": "until", "detail": "must be a date", "index": 3},
        ],
    }
    with pytest.raises(GatewayError) as caught:
        Gateway((400, problem)).client().answer("a-1", "extend", {}, key="k")
    assert str(caught.value).splitlines() == [
        "2 things are wrong with the request; see errors.",
        "  - by: is required",
        "  - event 3: until: must be a date",
    ]
    conflict = {"title": "Conflict", "status": 409, "detail": "this was resolved as solved", "code": "already-resolved"}
    with pytest.raises(GatewayError, match=r"this was resolved as solved \[already-resolved\]") as caught:
        Gateway((409, conflict)).client().answer("a-1", "extend", {}, key="k")
    assert (caught.value.status, caught.value.code) == (409, "already-resolved")


def test_a_gateway_that_does_not_listen_is_named_with_what_to_do() -> None:
    gateway = Gateway(httpx.ConnectError("refused"))
    with pytest.raises(GatewayError, match=r"No gateway answers at http://gateway.*koikarper local.*--gateway"):
        gateway.client().get("/v1/kinds")
    assert len(gateway.asked) == 1


def test_what_is_no_gateway_is_told() -> None:
    def page(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>")

    with (
        Client("http://elsewhere", "abc", transport=httpx.MockTransport(page)) as client,
        pytest.raises(GatewayError, match=r"http://elsewhere/v1/kinds answered 200, and no JSON"),
    ):
        client.get("/v1/kinds")


@pytest.mark.parametrize("url", ["http://[", "127.0.0.1:8080", "http://a b", "http://host:port", ""])
def test_an_address_that_cannot_be_is_told(url: str) -> None:
    with pytest.raises(GatewayError), Client(url, "abc") as client:
        client.get("/v1/kinds")


def test_a_token_that_cannot_be_is_told_without_showing_it() -> None:
    with pytest.raises(GatewayError, match="token") as caught:
        Client("http://gateway", "é\u2028secret")
    assert "secret" not in str(caught.value)


def test_the_gateway_is_what_was_given_else_the_environments_else_this_machines(monkeypatch: Any) -> None:
    monkeypatch.delenv("KOIKARPER_GATEWAY", raising=False)
    assert gateway_url() == "http://127.0.0.1:8080"
    monkeypatch.setenv("KOIKARPER_GATEWAY", "http://there")
    assert gateway_url() == "http://there"
    assert gateway_url("http://here") == "http://here"
