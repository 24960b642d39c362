"""The agreements that the ledger keeps: none is forgotten, and no code that has work is dropped."""

import pytest

from services.agreements.loading import parse
from services.ledger.books import DroppedCodes, LedgerBooks


def without(desk, line):
    """The town's agreements without the lines that begin with `line`."""
    text = desk.intake.books.book.current.text
    return parse("\n".join(each for each in text.splitlines() if not each.strip().startswith(line)))


async def test_agreements_that_drop_a_code_with_work_are_refused_by_name_and_not_kept(desk):
    await desk.take_in(desk.signal("a", departments=["parks"]))
    for line, named in (("parks:", "department parks"), ("noord:", "team noord")):
        with pytest.raises(DroppedCodes, match=named):
            await LedgerBooks(desk.engine, without(desk, line)).open()
    assert len(await desk.rows("select * from agreements")) == 1


async def test_agreements_may_drop_a_code_that_never_had_work(desk):
    await desk.take_in(desk.signal("a"))
    books = LedgerBooks(desk.engine, without(desk, "zuid:"))
    await books.open()
    assert len(books.book.versions) == 2


async def test_a_version_that_another_worker_brought_is_read_when_it_is_met(desk):
    other = LedgerBooks(desk.engine, without(desk, "zuid:"))
    await other.open()
    async with desk.engine.connect() as connection:
        book = await desk.intake.books.complete(connection, [other.book.current.version])
    assert other.book.current.version in book.versions
    assert book.current.version != other.book.current.version
