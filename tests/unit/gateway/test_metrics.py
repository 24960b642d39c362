"""Every request is timed under its route and the class of its answer; what callers type never becomes a label."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.gateway.interface import interface, paths
from services.gateway.metrics import CLASSES, RequestSeconds

COUNT = "koikarper_runtime_gateway_request_seconds_count"


def asked(path: str, registry: CollectorRegistry) -> None:
    app = FastAPI()

    @app.get("/v1/things/{thing}")
    async def thing(thing: str) -> str:
        if thing == "broken":
            raise RuntimeError("broken")
        return thing

    async def ask() -> None:
        transport = httpx.ASGITransport(RequestSeconds(app, registry, paths(app)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get(path)

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/v1/things/koi", "/v1/things/{thing}", "2xx"),
        ("/v1/things/broken", "/v1/things/{thing}", "5xx"),
        ("/wp-admin.php", "other", "4xx"),
    ],
)
def test_a_request_counts_under_its_route_and_the_class_of_its_answer(path: str, route: str, status: str) -> None:
    registry = CollectorRegistry()
    asked(path, registry)
    counts = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == COUNT and sample.value
    }
    assert counts == {(route, status): 1}


def test_every_route_of_the_interface_is_there_before_anybody_called() -> None:
    app, registry = interface(), CollectorRegistry()
    RequestSeconds(app, registry, paths(app))
    assert {"/v1/events", "/v1/signals/{id}", "/v1/waits"} <= paths(app)
    for route in (*paths(app), "other"):
        assert all(registry.get_sample_value(COUNT, {"route": route, "status": one}) == 0 for one in CLASSES)
