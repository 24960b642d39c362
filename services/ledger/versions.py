"""All agreements that were ever in force, by which the rows of the record are read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.agreements.loading import parse
from services.agreements.model import Agreements
from services.ledger.fold import Entry
from services.runtime.errors import KoikarperError

_VERSIONS = text("select version, text, first_seen from agreements order by first_seen, version")


class NoSuchVersion(KoikarperError):  # noqa: N818 - says what happened
    """The record names agreements that the ledger does not hold."""


@dataclass(frozen=True, slots=True)
class Versions:
    """All agreements that were ever in force, the earliest first."""

    known: Mapping[str, Agreements]
    seen: Mapping[str, datetime]

    def entry(self, row: Row[Any]) -> Entry:
        """A row of the record; raises `NoSuchVersion`."""
        version = row.agreements or self._of(row.at)
        self.require(version)
        return Entry(row.seq, row.at, row.source, row.id, row.sender, row.refused, bytes(row.body), version)

    def require(self, version: str) -> None:
        """Raise `NoSuchVersion` when the ledger does not hold it."""
        if version not in self.known:
            raise NoSuchVersion(
                f"the record names agreements of version {version[:12]}, which the ledger does not hold"
            )

    def _of(self, at: datetime) -> str:
        """What was recorded before there were seals names no version: the one that was new then is the best guess."""
        before = [version for version, seen in self.seen.items() if seen <= at]
        return before[-1] if before else next(iter(self.seen), "")


async def read_versions(connection: AsyncConnection) -> Versions:
    """All that the ledger holds."""
    rows = (await connection.execute(_VERSIONS)).all()
    return Versions({row.version: parse(row.text) for row in rows}, {row.version: row.first_seen for row in rows})
