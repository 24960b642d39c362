"""What the growth is measured on is a ledger as any other, however it was filled."""

from datetime import timedelta

from sqlalchemy import text

from services.agreements.loading import parse
from services.ledger.books import LedgerBooks
from services.ledger.folding import compare
from services.ledger.intake import Intake
from services.ledger.migrations import migrate
from services.ledger.verifying import verify
from services.runtime.database import engine
from tests.benchmarks import grown_town, growth, lives
from tests.benchmarks.bare_sql import connect
from tests.benchmarks.mixture import TOWN

LIVES = 300


async def test_in_a_filled_town_every_seal_fits_every_state_follows_and_the_intake_goes_on(settings):
    await migrate(settings)
    database, connection = engine(settings), await connect(settings)
    books = LedgerBooks(database, parse(TOWN))
    await books.open()
    intake = Intake(database, books, owner="one")
    before = await _indexes(connection)
    await grown_town.fill(connection, intake, LIVES, lambda _: None)
    assert await _indexes(connection) == before
    offsets, at = await grown_town.next_offsets(connection), grown_town.NEWEST + timedelta(days=1)
    await intake.work(list(lives.records(map(lives.reported, "abc"), offsets, at)))
    await intake.work(list(lives.records(lives.mixture("new", iter("abc"), 10), offsets, at + timedelta(minutes=1))))
    folded = await compare(database)
    assert (folded.events, folded.signals, folded.differences.kept) == ((LIVES + 1) * 4 + 12, LIVES + 10, [])
    async with database.connect() as asked:
        verified = await verify(asked, {})
        assert await asked.scalar(text("select count(*) from record where refused is not null")) == 0
    assert (verified.rows, verified.broken) == (folded.events, 0)
    await connection.close()
    await database.dispose()


async def _indexes(connection):
    rows = await connection.fetch("select indexname from pg_indexes where schemaname = current_schema() order by 1")
    return [row["indexname"] for row in rows]


def test_the_growth_can_be_drawn(tmp_path):
    size = {"fill_seconds": 1, "bytes_each": {"record": 800.0}}
    sizes = [growth.Size(count, costs_us=[2.0, 3], cpu_us=[1.0, 1], wal_bytes=[9, 9], **size) for count in (10, 100)]
    growth.draw(sizes, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 10_000
