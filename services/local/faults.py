"""What can go wrong with the parts of one machine; every text says what, where and what to do."""

from __future__ import annotations

from services.runtime.errors import KoikarperError


class PartError(KoikarperError):
    """Kafka or PostgreSQL cannot be started on this machine."""


class FolderInUse(PartError):  # noqa: N818 - names the state, like the runtime's `Fenced`
    """Another process works on the data folder.

    `ended`: that process is gone, and only its parts still have to stop.
    """

    def __init__(self, message: str, *, ended: bool) -> None:
        self.ended = ended
        super().__init__(message)


class PortInUse(PartError):  # noqa: N818 - as above
    """Another program listens on a port that was asked for."""


class JarRefused(PartError):  # noqa: N818 - as above
    """A jar is not the one that the lock names."""


class PartDied(PartError):  # noqa: N818 - as above
    """A part ended by itself. `part` names it; the text ends with the tail of its log."""

    def __init__(self, part: str, message: str) -> None:
        self.part = part
        super().__init__(message)
