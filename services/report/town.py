"""What the page is made of: a town, the moment of its data, and every single wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.ledger.single_waits import SingleWait


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """All that the report knows."""

    name: str  # of the municipality
    code: str  # its CBS code
    departments: Mapping[str, str]  # name by code
    at: datetime  # the moment that counts as now, aware UTC
    waits: Sequence[SingleWait]
    log: str | None = None  # the file whose history was replayed; None: this is a town at work
    read_until: datetime | None = None  # when the ledger last read anything; None: unknown, or a replay
