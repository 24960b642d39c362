"""What the page is made of, read from the ledger in one transaction that sees one moment and writes nothing."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.agreements.loading import parse
from services.agreements.model import Agreements
from services.ledger.single_waits import single_waits
from services.report.town import Town
from services.runtime.database import engine, transient_errors
from services.runtime.errors import KoikarperError
from services.runtime.settings import Settings

_AGREEMENTS = text("select text from agreements order by first_seen desc limit 1")
_READ_UNTIL = text("select max(read_until) from reading")


class NothingHereError(KoikarperError):
    """The ledger has never been started on this database, so it does not know for which town it works."""


async def read(settings: Settings, at: datetime, log: str | None = None) -> Town:
    """The town in this ledger at `at` (aware UTC); `log` names the file whose history was replayed, if it is one.

    Raises `NothingHereError` when no ledger has ever run, and `TransientError` when the database does not answer.
    """
    database = engine(settings, pool_size=1, application="koikarper report")
    try:
        async with transient_errors(), database.connect() as pooled:
            connection = await pooled.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            return await _read(connection, at, log)
    finally:
        await database.dispose()


async def _read(connection: AsyncConnection, at: datetime, log: str | None) -> Town:
    agreements = await _agreements(connection)
    return Town(
        name=agreements.municipality.name,
        code=agreements.municipality.code,
        departments={code: one.name for code, one in agreements.departments.items() if code != "canary"},
        at=at,
        waits=await single_waits(connection, at),
        log=log,
        read_until=None if log else (await connection.execute(_READ_UNTIL)).scalar_one(),
    )


async def _agreements(connection: AsyncConnection) -> Agreements:
    found = (await connection.execute(_AGREEMENTS)).scalar_one_or_none()
    if found is None:
        raise NothingHereError("No ledger has run on this database yet, so there is nothing to write about.")
    return parse(found)
