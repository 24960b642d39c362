"""Whether a process lives, whether it is ready, and its own figures: `/health/live`, `/health/ready`, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.runtime.checks import Check, Service

CHECK_TIMEOUT_SECONDS = 5.0
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Readiness = Callable[[], Awaitable[Mapping[str, list[Check]]]]


def process_registry() -> CollectorRegistry:
    """A registry with the figures of this process: memory, processor time, files, garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def registries(services: Iterable[object]) -> list[CollectorRegistry]:
    """The figures of this process, and those of each service that keeps some in a `registry` of its own."""
    own = (getattr(service, "registry", None) for service in services)
    return [process_registry(), *(registry for registry in own if isinstance(registry, CollectorRegistry))]


class Together(Collector):
    """Several registries as one: a metric that services of one process share is told once, with all its samples."""

    def __init__(self, registries: Iterable[Collector]) -> None:
        self._registries = tuple(registries)

    def collect(self) -> Iterable[Metric]:
        """Every family once; called in any thread."""
        families: dict[str, Metric] = {}
        for metric in (metric for registry in self._registries for metric in registry.collect()):
            known = families.get(metric.name)
            if known is None:
                families[metric.name] = metric
                continue
            both = families[metric.name] = Metric(known.name, known.documentation, known.type, known.unit)
            both.samples = [*known.samples, *metric.samples]  # new: a collector may serve the same family again
        return families.values()


async def readiness(services: Iterable[Service]) -> dict[str, list[Check]]:
    """The checks of every service, asked at the same time; one that raises or takes too long is not ready."""
    services = list(services)
    checks = await asyncio.gather(*(_checked(service) for service in services))
    return {service.name: found for service, found in zip(services, checks, strict=True)}


async def _checked(service: Service) -> list[Check]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await service.ready()
    except TimeoutError:
        return [Check("ready", ok=False, detail=f"no answer within {CHECK_TIMEOUT_SECONDS:g} s")]
    except Exception as error:  # noqa: BLE001 - a check that fails is an answer, and the others must be told
        return [Check("ready", ok=False, detail=f"{type(error).__name__}: {error}")]


def answer(checks: Mapping[str, list[Check]]) -> JSONResponse:
    """The answer to `/health/ready`: 200 when all is well, else 503; per service what is and what is not."""
    ready = all(check.ok for found in checks.values() for check in found)
    services = {
        name: {"ready": all(check.ok for check in found), "checks": [asdict(check) for check in found]}
        for name, found in checks.items()
    }
    return JSONResponse({"ready": ready, "services": services}, status_code=200 if ready else 503, headers=NO_STORE)


def app(ready: Readiness, registries: Iterable[CollectorRegistry] = ()) -> Starlette:
    """The health server's application; `/metrics` is made in a thread, so that it never stops the event loop."""
    sources = tuple(registries)

    async def live(_request: Request) -> Response:
        return JSONResponse({"live": True}, headers=NO_STORE)

    async def is_ready(_request: Request) -> Response:
        return answer(await ready())

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        body = await asyncio.to_thread(encode, Together(sources))
        return Response(body, headers=NO_STORE | {"Content-Type": content_type})

    routes = [Route("/health/live", live), Route("/health/ready", is_ready), Route("/metrics", metrics)]
    application = Starlette(routes=routes)
    application.router.redirect_slashes = False
    return application
