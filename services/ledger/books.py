"""Every version of the agreements is kept with the ledger, so that a promise goes by what it was made under."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.catalogue import department_answers, team_answers
from services.agreements.loading import parse
from services.agreements.model import Agreements
from services.ledger.book import Book
from services.runtime.database import transient_errors
from services.runtime.errors import KoikarperError

_KEEP = text("insert into agreements (version, text) values (:version, :text) on conflict (version) do nothing")
_ALL = text("select version, text from agreements order by first_seen, version")
_DEPARTMENT_KNOWN = text("select exists (select 1 from assignment where department = :code)")
_TEAM_KNOWN = text("select exists (select 1 from signal where team = :code)")


class DroppedCodes(KoikarperError):  # noqa: N818 - says what happened
    """The agreements no longer hold codes that the ledger knows: codes are retired, never removed (contract 2)."""


class LedgerBooks:
    """Keeps the agreements in force in the ledger, and reads the earlier versions from there."""

    def __init__(self, engine: AsyncEngine, agreements: Agreements) -> None:
        self._engine = engine
        self.book = Book.only(agreements)

    async def open(self) -> None:
        """Keep the version in force and read all others; `DroppedCodes` when it lacks a code that has work."""
        async with transient_errors(), self._engine.begin() as connection:
            current = self.book.current
            await connection.execute(_KEEP, {"version": current.version, "text": current.text})
            self.book = await self._read(connection)
            if dropped := await self._dropped(connection):  # and this version is not kept
                raise DroppedCodes(
                    f"the agreements lack {', '.join(dropped)}, for which the ledger has work; "
                    "give the entry `until` (and a department its `successor`) instead of removing it"
                )

    async def complete(self, connection: AsyncConnection, versions: Iterable[str]) -> Book:
        """The book; read again when another worker has made promises under a version that it lacks."""
        if not self.book.versions.keys() >= set(versions):
            self.book = await self._read(connection)
        return self.book

    async def _read(self, connection: AsyncConnection) -> Book:
        current = self.book.current
        rows = await connection.execute(_ALL)
        known = self.book.versions
        versions = {row.version: known.get(row.version) or parse(row.text) for row in rows}
        return Book(current, versions | {current.version: current})

    async def idle_topics(self, connection: AsyncConnection) -> frozenset[str]:
        """Where the codes answer that the version in force lacks, and that have no work: no ledger reads these.

        Nothing can wait for what is said there, so that time must not stand still for it.
        """
        answers = {"department": department_answers, "team": team_answers}
        return frozenset(answers[what](code) for what, code, works in await self._lacking(connection) if not works)

    async def _dropped(self, connection: AsyncConnection) -> list[str]:
        return [f"{what} {code}" for what, code, works in await self._lacking(connection) if works]

    async def _lacking(self, connection: AsyncConnection) -> list[tuple[str, str, bool]]:
        """Each code of another version that the one in force lacks, and whether it has work."""
        current = self.book.current
        others = self.book.versions.values()
        departments = {code for agreements in others for code in agreements.departments} - set(current.departments)
        teams = {code for agreements in others for code in agreements.teams} - set(current.teams)
        asked = [("department", code, _DEPARTMENT_KNOWN) for code in sorted(departments)]
        asked += [("team", code, _TEAM_KNOWN) for code in sorted(teams)]
        return [(what, code, bool(await connection.scalar(known, {"code": code}))) for what, code, known in asked]
