"""The lists that are asked most have an index of their own, also in a plan that PostgreSQL makes once for all."""

from typing import Any

import pytest
from sqlalchemy import text

from services.ledger import queries
from services.ledger.queries import AssignmentFilter, Scope, SignalFilter

SIGNALS = """
    insert into signal (id, kind, team, neighbourhood, rules, report, state, waiting_since, last_at, hand_overs,
                        contact_on, moments)
    select gen_random_uuid(), 'phase-changed', 'noord', 'GM9999', '{}', '{"title": "Koi"}',
           case when nr % 50 = 0 then 'open' else 'closed' end, moment, moment, 0,
           case when nr % 100 = 0 then null else moment end, '[]'
    from generate_series(1, 5000) as nr,
         lateral (select timestamptz '2026-03-02Z' + nr * interval '1 min') as at (moment)
"""
ASSIGNMENTS = """
    insert into assignment (id, signal, department, round, kind, because, agreements, promise, state, waiting_since,
                            assigned_at, acknowledge_by, resolve_first, resolve_by, last_at, extensions,
                            resolve_inherited, contested, moments, custom_solution, resolved_at)
    select gen_random_uuid(), id, 'permits', 1, kind, '', '', '', case state when 'open' then 'waiting' else state end,
           waiting_since, waiting_since, waiting_since, waiting_since, waiting_since, waiting_since, 0, false, 0, '[]',
           case when contact_on is null then jsonb '{"rule": {"code": "APV 2:10"}}' end, waiting_since
    from signal
"""
UNSPOKEN = SignalFilter(state="open", spoken_with=False)


@pytest.fixture
async def plan(desk: Any) -> Any:
    """The plan of the one query that a read asks."""
    async with desk.engine.begin() as connection:
        for statement in (SIGNALS, ASSIGNMENTS, "analyze signal", "analyze assignment"):
            await connection.execute(text(statement))

    async def of(read: Any, *arguments: Any) -> str:
        asked = Asked()
        await read(asked, *arguments)
        query = asked.query.compile(dialect=desk.engine.dialect)
        values = ", ".join(repr(query.params[name]) for name in query.positiontup)
        async with desk.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            await driver.execute(f"set plan_cache_mode = force_generic_plan; prepare asked as {query}")
            return "\n".join(row[0] for row in await driver.fetch(f"explain execute asked ({values})"))

    return of


class Asked:
    """A connection that only keeps the query."""

    query: Any

    async def execute(self, query: Any) -> Any:
        self.query = query
        return self

    def mappings(self) -> Any:
        return self

    def all(self) -> list[Any]:
        return []


async def test_open_signals_that_nobody_has_spoken_about_have_an_index(plan):
    assert "signal_unspoken" in await plan(queries.signals, Scope(), UNSPOKEN, None, 50)


async def test_precedents_have_an_index(plan):
    assert "assignment_precedent" in await plan(queries.precedents, None, None, None, 50)


@pytest.mark.parametrize("state", ["waiting", "acknowledged"])
async def test_who_waits_longest_has_an_index(plan, state):
    assert "assignment_longest" in await plan(queries.assignments, Scope(), AssignmentFilter(state=state), None, 50)
