"""Health: alive, ready per service, and figures."""

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from services.runtime import health
from services.runtime.checks import Check

_TYPE = ("# TYPE koikarper_shared_total ", "# TYPE koikarper_shared ")


class Still:
    """A service that says what it is told to say."""

    registry: CollectorRegistry | None = None

    def __init__(self, name: str, *checks: Check, error: Exception | None = None) -> None:
        self.name, self._checks, self._error = name, list(checks), error

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def ready(self) -> list[Check]:
        if self._error:
            raise self._error
        return self._checks


def get(path: str, *services: Still, registry: CollectorRegistry | None = None, accept: str = "*/*") -> httpx.Response:
    async def ask() -> httpx.Response:
        app = health.app(lambda: health.readiness(services), [registry or CollectorRegistry()])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path, headers={"accept": accept})

    return asyncio.run(ask())


def test_a_process_is_alive_whatever_its_services_lack() -> None:
    assert get("/health/live", Still("a", Check("kafka", ok=False))).status_code == 200


def test_ready_is_said_per_service() -> None:
    answer = get("/health/ready", Still("a", Check("kafka", ok=True, detail="3 partitions")), Still("b"))
    assert answer.status_code == 200
    assert answer.json()["services"]["a"]["checks"][0]["detail"] == "3 partitions"


def test_one_check_that_fails_makes_the_answer_503_and_says_which() -> None:
    answer = get("/health/ready", Still("a", Check("kafka", ok=True)), Still("b", Check("database", ok=False)))
    assert answer.status_code == 503
    assert answer.json()["services"]["a"]["ready"] is True
    assert answer.json()["services"]["b"]["ready"] is False


def test_the_figures_of_each_service_are_served_beside_those_of_the_process() -> None:
    own, other = Still("a"), Still("b")
    own.registry = CollectorRegistry()
    Counter("koikarper_runtime_things", "Things.", registry=own.registry).inc(3)
    sources = health.registries([own, other])
    assert len(sources) == 2
    assert sources[1].get_sample_value("koikarper_runtime_things_total") == 3
    assert sources[0].get_sample_value("process_start_time_seconds")


def test_a_service_whose_check_raises_is_not_ready_and_hides_no_other() -> None:
    answer = get("/health/ready", Still("a", error=RuntimeError("lost")), Still("b", Check("kafka", ok=True)))
    assert answer.status_code == 503
    assert "lost" in answer.json()["services"]["a"]["checks"][0]["detail"]
    assert answer.json()["services"]["b"]["ready"] is True


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_figures_are_served_in_the_format_asked_for(accept: str) -> None:
    registry = CollectorRegistry()
    Counter("koikarper_things", "Things.", registry=registry).inc(3)
    answer = get("/metrics", registry=registry, accept=accept)
    assert "koikarper_things_total 3.0" in answer.text
    assert answer.headers["content-type"].startswith(accept)
    assert answer.text.endswith("# EOF\n") == ("openmetrics" in accept)


def test_an_unknown_path_is_404_and_not_redirected() -> None:
    assert get("/health/ready/").status_code == 404


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_a_metric_that_two_services_share_is_told_once_with_the_samples_of_both(accept: str) -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    for name, registry in zip("ab", registries, strict=True):
        Counter("koikarper_shared", "Shared.", ("service",), registry=registry).labels(name).inc()

    async def ask() -> str:
        app = health.app(lambda: health.readiness([]), registries)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return (await client.get("/metrics", headers={"accept": accept})).text

    text = asyncio.run(ask())
    assert len([line for line in text.splitlines() if line.startswith(_TYPE)]) == 1
    assert 'koikarper_shared_total{service="a"} 1.0' in text
    assert 'koikarper_shared_total{service="b"} 1.0' in text
