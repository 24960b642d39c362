"""The bare route beside which the gateway is measured: FastAPI parses the same model and sends to Kafka, no more.

The same server, the same event loop, the same options of the producer (so the same word of all replicas). It asks
nobody who calls, looks for no personal data, asks no ledger and notes nothing; with `--authenticated` it reads the
caller's token as the gateway does, to see what that costs. Run by `gateway.py`, with the gateway's settings.
"""

import sys

import uvloop
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # aiokafka has no py.typed
from fastapi import FastAPI, Request
from pydantic import BaseModel

from events.catalogue import neighbourhood_topic
from events.envelope import STRUCTURED_HEADERS, Attributes
from events.signals import InitiativeBlocked
from services.agreements.loading import load
from services.gateway.callers import Callers
from services.gateway.keys import Keys
from services.gateway.outlet import LINGER_MS
from services.runtime import settings as runtime_settings
from services.runtime.clock import now
from services.runtime.http import HttpServer
from services.runtime.options import connection, producing
from services.runtime.service import Check, run
from services.runtime.settings import Settings

AUTHENTICATED = "--authenticated"


class Event(Attributes):
    """A signal as the gateway reads it."""

    data: InitiativeBlocked


class Accepted(BaseModel):
    """What was sent."""

    source: str
    id: str


class Bare:
    """One route."""

    name = "bare"

    def __init__(self, settings: Settings, *, authenticated: bool) -> None:
        self._settings = settings
        self._keys = Keys(settings.jwks)
        options = {"issuer": settings.issuer, "audience": settings.audience, "clock": now}
        self._callers = Callers(self._keys, load(settings.agreements), **options) if authenticated else None
        self._server = HttpServer(self._app(), host=settings.host, port=settings.gateway_port)

    async def start(self) -> None:
        """Connect and listen."""
        await self._keys.open()
        options = connection(self._settings, "bare") | producing(self._settings, linger_ms=LINGER_MS)
        self._producer = AIOKafkaProducer(**options)
        await self._producer.start()
        await self._server.start()

    async def stop(self) -> None:
        """Close both."""
        await self._server.stop()
        await self._producer.stop()

    async def ready(self) -> list[Check]:
        """It is, once started."""
        return [Check(self.name, ok=self._server.running)]

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        topic = self._settings.topic_prefix + neighbourhood_topic("initiative-blocked")

        @app.post("/v1/events", status_code=202)
        async def send(event: Event, request: Request) -> Accepted:
            if self._callers is not None:
                await self._callers.identify(request.headers["authorization"].removeprefix("Bearer "))
            value = event.model_dump_json(by_alias=True, exclude_none=True).encode()
            await self._producer.send_and_wait(topic, value, event.id.encode(), headers=[*STRUCTURED_HEADERS])
            return Accepted(source=event.source, id=event.id)

        return app


if __name__ == "__main__":
    chosen = runtime_settings.load()
    uvloop.run(run([Bare(chosen, authenticated=AUTHENTICATED in sys.argv)], chosen))
