"""An HTTP server inside a service: uvicorn without its own ideas about signals, logs and a port that is in use."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from services.runtime.errors import KoikarperError

GRACE_SECONDS = 10
STARTED_PAUSE_SECONDS = 0.01


class PortError(KoikarperError):
    """The port cannot be had; the text names it and the setting that chooses it."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's business, not the server's."""
        yield


class HttpServer:
    """Serves one ASGI application. `port` 0 is any free port; `port` holds the real one once started."""

    def __init__(self, app: Any, *, host: str, port: int, setting: str = "port") -> None:
        self.host = host
        self.port = port
        self._app = app
        self._setting = setting
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; raises `PortError` when the port is in use or not allowed."""
        listening = self._bind()
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            loop="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=30,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                await self.stop()
                raise KoikarperError(f"The HTTP server on {self.host}:{self.port} did not start; its log says why")
            await asyncio.sleep(STARTED_PAUSE_SECONDS)

    async def stop(self) -> None:
        """Answer what is under way, within the grace, and end; harmless when not started."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            with contextlib.suppress(SystemExit):
                await asyncio.gather(self._task, return_exceptions=True)
        self._server = self._task = None

    @property
    def running(self) -> bool:
        """Whether the server serves."""
        return self._task is not None and not self._task.done()

    def _bind(self) -> socket.socket:
        try:
            listening = socket.create_server((self.host, self.port), backlog=2048)
        except OSError as error:
            raise PortError(
                f"Port {self.port} on {self.host} cannot be had: {error.strerror}. "
                f"Choose another with the setting {self._setting}, or stop what uses it."
            ) from error
        # asyncio sets this only on sockets that name their protocol; without it an answer waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
