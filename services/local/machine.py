"""One machine: embedded Kafka and PostgreSQL, migrations, topics and every service, in one process."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from services.agreements.loading import load
from services.agreements.topics import topics
from services.canary import app as canary
from services.gateway import app as gateway
from services.ledger import app as ledger
from services.ledger.migrations import migrate
from services.local import addresses
from services.local.addresses import Addresses
from services.local.keys import canary_token, jwks
from services.local.parts import Parts
from services.local.ports import Reserved
from services.local.roles import ROLE, services_database
from services.metrics import app as metrics
from services.relay import app as relay
from services.runtime import settings as runtime_settings
from services.runtime.health import registries
from services.runtime.logging import configure
from services.runtime.service import Check, HealthServer, Running
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from services.timekeeper import app as timekeeper

BUILDERS = (ledger.build, relay.build, timekeeper.build, gateway.build, metrics.build, canary.build)
LOG = "koikarper.log"
READY_PAUSE_SECONDS = 0.02
SETTLE = timedelta(seconds=1)
"""On one machine there is one clock and one broker, so a deadline need not wait a minute for others."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose; a port 0 is any free port."""

    agreements: Path
    folder: Path
    gateway_port: int = 8080
    metrics_port: int = 9464
    kafka_port: int = 9092
    database_port: int = 5432


class Machine:
    """Everything on this machine, from `start` to `stop`; the data stay in the folder."""

    def __init__(self, options: Options, progress: Callable[[str], None] = lambda _: None) -> None:
        self.options = options
        self._progress = progress
        self._stack = AsyncExitStack()
        self.parts = Parts(options.folder, options.kafka_port, options.database_port, progress)
        self.settings = runtime_settings.load(agreements=options.agreements)
        self.running: Running | None = None
        self.addresses: Addresses | None = None

    async def start(self) -> Addresses:
        """Start all and return the addresses once every service is ready; an error leaves nothing running."""
        agreements = load(self.options.agreements)  # before anything starts: a mistake in it is told at once
        try:
            gateway_port = self._reserve(self.options.gateway_port, "the gateway", "--gateway-port")
            metrics_port = self._reserve(self.options.metrics_port, "the metrics", "--metrics-port")
            self._stack.push_async_callback(self.parts.stop)
            await self.parts.start()
            database = await self._database()
            self.settings = self._settings(database, gateway_port.port, metrics_port.port)
            self._log()
            self._progress("Preparing the database and the topics")
            await asyncio.gather(migrate(self._as_owner()), ensure(self.settings, topics(agreements)))
            self._progress("Starting the services")
            await self._start_services(gateway_port, metrics_port)
            self.addresses = self._addresses(agreements.source)
            self.addresses.save(self.options.folder)
            self._stack.callback(addresses.forget, self.options.folder)
        except BaseException:
            await self.stop()
            raise
        return self.addresses

    async def stop(self) -> None:
        """Stop the services, then their parts; harmless when not started."""
        await self._stack.aclose()

    def _log(self) -> None:
        """The services' own log goes into the folder: the terminal is for who started the machine."""
        log = (self.options.folder / LOG).open("a", encoding="utf-8", buffering=1)
        configure(self.settings, log)
        self._stack.callback(log.close)
        self._stack.callback(logging.getLogger().handlers.clear)

    async def _start_services(self, *ports: Reserved) -> None:
        services = [build(self.settings) for build in BUILDERS]
        running = self.running = Running([HealthServer(self.settings, self._ready, registries(services)), *services])
        self._stack.push_async_callback(running.stop)
        for port in ports:
            port.release()
        await running.start()
        while not all(check.ok for checks in (await self._ready()).values() for check in checks):  # noqa: ASYNC110 - asked
            await asyncio.sleep(READY_PAUSE_SECONDS)

    async def _ready(self) -> dict[str, list[Check]]:
        return await self.running.ready() if self.running else {}

    def _reserve(self, port: int, what: str, option: str) -> Reserved:
        reserved = Reserved(port, what, option)
        self._stack.callback(reserved.release)
        return reserved

    async def _database(self) -> str:
        """Where the services connect, as a role that cannot change the record."""
        if self.parts.folder is None:
            raise RuntimeError("the parts are not started")
        return await services_database(self.parts.database, self.parts.folder.secret("services-password"))

    def _as_owner(self) -> Settings:
        return self.settings.model_copy(update={"database": SecretStr(self.parts.database)})

    def _settings(self, database: str, gateway_port: int, metrics_port: int) -> Settings:
        return runtime_settings.load(
            agreements=self.options.agreements,
            kafka=self.parts.kafka,
            database=SecretStr(database),
            database_role=ROLE,
            settle=SETTLE,
            gateway_port=gateway_port,
            metrics_port=metrics_port,
            jwks=str(jwks(self.options.folder)),
            canary_gateway=f"http://{self.settings.host}:{gateway_port}",
            canary_token_file=canary_token(self.options.folder),
            log_format="json",
            disks=dict.fromkeys(("kafka", "postgresql"), self.options.folder.resolve()),
        )

    def _addresses(self, source: str) -> Addresses:
        host = self.settings.host
        return Addresses(
            gateway=f"http://{host}:{self.settings.gateway_port}",
            metrics=f"http://{host}:{self.settings.metrics_port}/metrics",
            kafka=self.parts.kafka,
            database=self.parts.database,
            jwks=self.settings.jwks,
            source=source,
        )
