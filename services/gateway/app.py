"""The gateway's composition root."""

from prometheus_client import CollectorRegistry

from services.agreements.loading import load
from services.gateway.callers import Callers
from services.gateway.direct import DirectCalls
from services.gateway.headers import StandardHeaders
from services.gateway.interface import DIRECT, interface, paths
from services.gateway.keys import Keys
from services.gateway.looking import Looks
from services.gateway.metrics import RequestSeconds
from services.gateway.outlet import LINGER_MS, Outlet
from services.gateway.parts import Parts
from services.gateway.reader import LedgerReader
from services.gateway.recordings import Recordings
from services.ledger.books import LedgerBooks
from services.ledger.current_waits import CurrentWaits
from services.runtime.broker import Publisher
from services.runtime.checks import Check
from services.runtime.clock import Clock, now
from services.runtime.database import engine
from services.runtime.http import HttpServer
from services.runtime.settings import Settings

POOL_SIZE = 10


def build(settings: Settings, *, clock: Clock = now) -> "Gateway":
    """The gateway of these settings; nothing runs before `start`. Raises `SettingsError`, `AgreementsError`."""
    return Gateway(settings, clock)


class Gateway:
    """HTTP on `host`:`gateway_port`."""

    name = "gateway"

    def __init__(self, settings: Settings, clock: Clock) -> None:
        agreements = load(settings.agreements)
        self.registry = CollectorRegistry()
        self._keys = Keys(settings.jwks)
        self._engine = engine(settings, pool_size=POOL_SIZE, application="koikarper gateway")
        reader = LedgerReader(self._engine)
        self._outlet = Outlet(Publisher(settings, client="gateway", linger_ms=LINGER_MS, registry=self.registry))
        self._recordings = Recordings(reader)
        self._looks = Looks(reader)
        app = interface()
        app.state.service = self
        parts = Parts(
            agreements=agreements,
            books=LedgerBooks(self._engine, agreements),
            callers=Callers(self._keys, agreements, issuer=settings.issuer, audience=settings.audience, clock=clock),
            reader=reader,
            looks=self._looks,
            waits=CurrentWaits(),
            recordings=self._recordings,
            outlet=self._outlet,
            clock=clock,
        )
        app.state.parts = parts
        self._reader = reader
        timed = RequestSeconds(StandardHeaders(app), self.registry, paths(app))
        front = DirectCalls(timed, DIRECT, parts, timed)
        self._server = HttpServer(front, host=settings.host, port=settings.gateway_port, setting="gateway_port")

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"http://{self._server.host}:{self._server.port}"

    async def start(self) -> None:
        """Read the keys, connect to the broker if it is there, and listen. It also starts while the broker is away."""
        await self._keys.open()
        await self._outlet.start()
        try:
            await self._server.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Answer what is under way, then close every connection; harmless when not started."""
        await self._server.stop()
        await self._recordings.stop()
        await self._looks.stop()
        await self._outlet.stop()
        await self._engine.dispose()

    async def ready(self) -> list[Check]:
        """The broker and the keys, without which nothing is accepted; the database is only told of.

        Without the database events are still accepted, so a gateway that only lacks it must stay reachable.
        """
        return [await self._outlet.ready(), self._keys.ready(), await self._reader.ready()]
