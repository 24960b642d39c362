"""Every single wait is one of the ledger's rows, counted again by another query; together they are the figures."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import DateTime, bindparam, text

from services.ledger.single_waits import SingleWait, single_waits
from services.ledger.waits import Wait, waits
from services.report.figures import figures
from tests.integration.metrics.town import Town
from tests.integration.timekeeper.clockwork import hours

_OTHER_QUERY = """
    select department, 'acknowledge' as stage, case when state = 'waiting' then waiting_since end as since,
        extract(epoch from acknowledged_at - waiting_since) as took, acknowledge as verdict,
        state = 'waiting' and acknowledge_by < :now as overdue,
        case acknowledge when 'met' then acknowledged_at when 'missed' then acknowledge_by
            else case when state = 'waiting' and acknowledge_by < :now then acknowledge_by end end as at
    from assignment where kind <> 'canary'
    union all
    select department, 'resolve', case when state in ('waiting', 'acknowledged') then waiting_since end,
        extract(epoch from resolved_at - waiting_since), case when not resolve_inherited then resolve end,
        state in ('waiting', 'acknowledged') and resolve_first < :now,
        case when resolve_inherited then null when resolve = 'met' then coalesce(stood_at, resolved_at)
            when resolve = 'missed' or state in ('waiting', 'acknowledged') and resolve_first < :now
            then resolve_first end
    from assignment where kind <> 'canary'
    union all
    select a.department, 'confirm', case when a.state = 'resolved' and s.state = 'resolved' then s.proposed_at end,
        extract(epoch from a.answered_at - a.asked_at), a.confirm,
        a.state = 'resolved' and s.state = 'resolved' and s.confirm_by < :now, null
    from assignment as a, signal as s where s.id = a.signal and a.kind <> 'canary'
"""


def _row(wait: SingleWait) -> tuple[object, ...]:
    took = None if wait.answered_seconds is None else round(wait.answered_seconds, 3)
    at = None if wait.stage == "confirm" else wait.decided_at
    return (wait.department, wait.stage, wait.since, took, wait.verdict, wait.is_overdue, at)


async def test_the_single_waits_are_those_that_another_query_finds(town: Town) -> None:
    now = hours(town.hour + 5)
    query = text(_OTHER_QUERY).bindparams(bindparam("now", now, type_=DateTime(timezone=True)))
    async with town.clockwork.desk.engine.connect() as connection:
        found = Counter(_row(wait) for wait in await single_waits(connection, now))
        rows = (await connection.execute(query)).all()
    took = [None if row.took is None else round(float(row.took), 3) for row in rows]
    other = [
        (row.department, row.stage, row.since, seconds, row.verdict, bool(row.overdue), row.at)
        for row, seconds in zip(rows, took, strict=True)
        if row.since is not None or seconds is not None or row.verdict is not None or row.at is not None
    ]
    inherited = [one for one in found if one[2:5] == (None, None, None)]
    assert found - Counter(inherited) == Counter(other)
    assert {stage for _, stage, *_ in other} == {"acknowledge", "resolve", "confirm"}


async def test_the_figures_of_the_page_are_those_of_the_table(town: Town) -> None:
    now = hours(town.hour + 5)
    async with town.clockwork.desk.engine.connect() as connection:
        single = await single_waits(connection, now)
        table = await waits(connection, now, by=["department"])
    assert len(table) > 6
    for wait in table:
        found = figures((one for one in single if (one.department, one.stage) == (wait.department, wait.stage)), now)
        assert (found.open, found.overdue, found.met, len(found.answered)) == (
            wait.open,
            wait.overdue,
            wait.met,
            wait.answered,
        )
        assert found.share_on_time == wait.share_on_time
        assert _oldest(found.longest_seconds) == _age(wait, now)


def _oldest(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _age(wait: Wait, now: datetime) -> timedelta | None:
    return None if wait.oldest is None else now - wait.oldest
