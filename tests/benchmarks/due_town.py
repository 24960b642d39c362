"""A town in which as many promises to acknowledge have just passed as wanted: one real signal, many times over."""
# ruff: noqa: S608 - the parts of these queries are names of the ledger's own columns

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.agreements.loading import parse
from services.agreements.topics import inputs, topics
from services.ledger.books import LedgerBooks
from services.ledger.intake import Intake
from services.ledger.positions import LedgerPositions
from services.ledger.tables import Table
from services.runtime.database import engine
from services.runtime.records import Record
from services.runtime.settings import Settings
from tests.benchmarks.mixture import TOWN, earlier, records

AGO = timedelta(hours=24)
"""How long the signals wait: past the 8 hours to acknowledge, not yet the 48 to resolve. So each has one moment due."""


async def fill(settings: Settings, count: int) -> None:
    """Write `count` signals with one moment due each, the same at every start; everything is read until now."""
    database = engine(settings.model_copy(update={"database_timeout": settings.database_timeout * 20}))
    agreements = parse(TOWN)
    books = LedgerBooks(database, agreements)
    await books.open()
    intake = Intake(database, books, owner="one")
    wanted = set(inputs(agreements))
    places = {
        (topic.name, nr) for topic in topics(agreements) if topic.name in wanted for nr in range(topic.partitions)
    }
    await LedgerPositions(database).take_over(places, intake.owner)
    await intake.work([_first()])
    async with database.begin() as connection:
        await _multiply(connection, count)
        await connection.execute(text("delete from outbox"))
        await connection.execute(text("update reading set read_until = now()"))
    async with database.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("vacuum analyze"))
    await database.dispose()


def _first() -> Record:
    (event,) = list(records(earlier(10), {}))[:1]
    return Record(event.topic, event.partition, 0, datetime.now(UTC) - AGO, event.key, event.value, event.headers)


async def _multiply(connection: AsyncConnection, count: int) -> None:
    """The one signal becomes number 1; each of the others is it, but for its ids."""
    own = {
        "signal": {"id": "md5('signal ' || number)::uuid"},
        "assignment": {"id": "md5('assignment ' || number)::uuid", "signal": "md5('signal ' || number)::uuid"},
    }
    for table, ids in own.items():
        columns = [column.name for column in Table.metadata.tables[table].columns if column.computed is None]
        values = ", ".join(ids.get(name, f"one.{name}") for name in columns)
        await connection.execute(
            text(
                f"insert into {table} ({', '.join(columns)}) select {values} from {table} as one, "
                f"generate_series(2, cast(:count as int)) as number"
            ),
            {"count": count},
        )
