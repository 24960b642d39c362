"""Ports on the loopback interface: a wanted one is checked, any free one is held until it is used."""

from __future__ import annotations

import errno
import socket

from services.local.faults import PartError, PortInUse

LOOPBACK = "127.0.0.1"


class Reserved:
    """A port that is bound here but not listened on: the kernel gives it to nobody else as a free port.

    A server that sets SO_REUSEADDR, as Java and PostgreSQL do, can listen on it all the same. Let go once it does.
    """

    def __init__(self, wanted: int, what: str, option: str) -> None:
        """Reserve `wanted`, or any free port for 0. Raises `PortInUse`; `option` is how a user chooses another."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((LOOPBACK, wanted))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise _refusal(error, wanted, what, option) from error
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Let go of the port; more than once is harmless."""
        self._socket.close()


def _refusal(error: OSError | OverflowError, port: int, what: str, option: str) -> PartError:
    cure = f"or choose another with {option} (0 = any free port)"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"Port {port} for {what} is in use on {LOOPBACK}. Stop the program that listens on it, {cure}."
        )
    return PartError(f"Port {port} for {what} cannot be used: {error}. Start as a user who may, {cure}.")
