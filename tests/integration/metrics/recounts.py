"""Each metric of the contract, counted again from the ledger's rows and from what it told, by another query.

Nothing here reads the counters. The labels' columns come first, then `value`; rows of 0 mean nothing. `sent` is what
was ever told: what is still in the outbox, and what was read back from Kafka (`recount.py`).
"""
# ruff: noqa: S608 - the parts of these queries are constants of this file

_STAGES = """
    select department, 'acknowledge' as stage, acknowledge as outcome from assignment
    union all select department, 'resolve', resolve from assignment where not resolve_inherited
    union all select department, 'confirm', confirm from assignment
"""
_WAITS = """
    select department, 'acknowledge' as stage, acknowledged_at - waiting_since as wait from assignment
    union all select department, 'resolve', stood_at - waiting_since from assignment
    union all select department, 'confirm', answered_at - asked_at from assignment
"""
_TOLD = """
    select distinct on (event ->> 'source', event ->> 'id') signal, event,
        split_part(event ->> 'type', '.', 4) as verb, event -> 'data' as data
    from (select signal, convert_from(value, 'UTF8')::json as event from sent where headers is null) as events
"""
_OPEN = "state in ('waiting', 'acknowledged')"
_DUE = f"""
    select department, 'acknowledge' as stage, acknowledge_by as due, acknowledge_by as first
    from assignment where state = 'waiting'
    union all select department, 'resolve', resolve_first, resolve_first from assignment where {_OPEN}
    union all select department, 'resolve', resolve_by, null from assignment where {_OPEN}
    union all select a.department, 'confirm', s.confirm_by, s.confirm_by
    from assignment as a, signal as s where a.signal = s.id and a.state = 'resolved' and s.state = 'resolved'
"""


def _header(name: str) -> str:
    return f"""(select convert_from(decode(pair ->> 1, 'base64'), 'UTF8') from json_array_elements(headers) as pair
                where pair ->> 0 = 'koikarper.errors.{name}')"""


RECOUNTS: dict[str, tuple[str, str]] = {
    "koikarper_signals_total": ("kind", "select kind, count(*) as value from signal group by 1"),
    "koikarper_signals_open": (
        "kind state",
        "select kind, state, count(*) as value from signal where state in ('open', 'resolved') group by 1, 2",
    ),
    "koikarper_signals_closed_total": (
        "kind how",
        f"""select kind, data ->> 'how', count(*) as value from ({_TOLD}) as told join signal on id = told.signal
            where verb = 'closed' group by 1, 2""",
    ),
    "koikarper_assignments_open": (
        "department kind state",
        f"select department, kind, state, count(*) as value from assignment where {_OPEN} group by 1, 2, 3",
    ),
    "koikarper_oldest_open_assignment_timestamp_seconds": (
        "department state",
        f"""select department, state, extract(epoch from min(waiting_since)) as value from assignment
            where {_OPEN} group by 1, 2""",
    ),
    "koikarper_open_assignment_age_seconds_gsum": (
        "department state",
        f"""select department, state, extract(epoch from sum(:now - waiting_since)) as value from assignment
            where {_OPEN} group by 1, 2""",
    ),
    "koikarper_open_assignment_age_seconds_gcount": (
        "department state",
        f"select department, state, count(*) as value from assignment where {_OPEN} group by 1, 2",
    ),
    "koikarper_assignments_overdue": (
        "department stage",
        f"select department, stage, count(*) as value from ({_DUE}) as due where first < :now group by 1, 2",
    ),
    "koikarper_next_deadline_timestamp_seconds": (
        "department stage",
        f"""select department, stage, extract(epoch from min(due)) as value from ({_DUE}) as due
            where due >= :now group by 1, 2""",
    ),
    "koikarper_deadlines_total": (
        "department stage outcome",
        f"""select department, stage, outcome, count(*) as value from ({_STAGES}) as stages
            where outcome is not null group by 1, 2, 3""",
    ),
    "koikarper_wait_seconds_count": (
        "department stage",
        f"select department, stage, count(wait) as value from ({_WAITS}) as waits group by 1, 2",
    ),
    "koikarper_wait_seconds_sum": (
        "department stage",
        f"""select department, stage, extract(epoch from sum(wait)) as value from ({_WAITS}) as waits
            where wait is not null group by 1, 2""",
    ),
    "koikarper_longest_waiting_assignment_timestamp_seconds": (
        "assignment department kind state",
        f"""select id::text, department, kind, state, extract(epoch from waiting_since) as value from assignment
            where {_OPEN} order by waiting_since, id limit 20""",
    ),
    "koikarper_answers_total": (
        "department answer",
        f"""select department, verb, count(*) as value from ({_TOLD}) as told
            join assignment on id::text = data ->> 'assignment'
            where verb in ('acknowledged', 'handed-over', 'extended', 'resolved') group by 1, 2
            union all select department, 'contested', sum(contested) from assignment group by 1
            union all select department, 'confirmed', count(*) from assignment
            where state = 'closed' and signal in (select id from signal where how = 'confirmed') group by 1""",
    ),
    "koikarper_escalations_total": (
        "department rung",
        f"""select data ->> 'department', data ->> 'rung', count(*) as value from ({_TOLD}) as told
            where verb = 'escalated' group by 1, 2""",
    ),
    "koikarper_precedents_total": (
        "department",
        f"select data ->> 'department', count(*) as value from ({_TOLD}) as told where verb = 'published' group by 1",
    ),
    # No pattern is detected yet, so none may be open.
    "koikarper_patterns_open": ("department", "select code, value from (values ('', 0)) as none (code, value)"),
    "koikarper_dead_letters_total": (
        "topic reason",
        f"""select {_header("topic")}, {_header("reason")}, count(*) as value from sent
            where topic = 'dead-letters' group by 1, 2""",
    ),
    "koikarper_dead_letters_open": (
        "topic reason",
        f"""select topic, reason, sum(letters) as value from (
                select {_header("topic")} as topic, {_header("reason")} as reason, 1 as letters
                from sent where topic = 'dead-letters'
                union all select topic, reason, -1 from dead_letter where settled_at is not null
            ) as made_and_settled group by 1, 2""",
    ),
    "koikarper_outbox_rows": ("", "select count(seq) as value from outbox"),
    "koikarper_outbox_oldest_timestamp_seconds": (
        "",
        "select extract(epoch from written_at) as value from outbox order by written_at limit 1",
    ),
    "koikarper_read_until_timestamp_seconds": (
        "topic",
        """select topic, extract(epoch from min(read_until)) as value from reading
           group by 1 having count(*) = count(read_until)""",
    ),
    "koikarper_canary_roundtrip_seconds": (
        "",
        """select extract(epoch from closed_at - waiting_since) as value from canary
           where closed_at = (select max(closed_at) from canary where how = 'confirmed')""",
    ),
    "koikarper_canary_last_success_timestamp_seconds": (
        "",
        "select extract(epoch from max(closed_at)) as value from canary where how = 'confirmed' having count(*) > 0",
    ),
    "koikarper_snapshot_timestamp_seconds": ("", "select extract(epoch from cast(:now as timestamptz)) as value"),
}
BUCKETS: dict[str, tuple[str, str]] = {
    "koikarper_wait_seconds_bucket": (
        "department stage",
        f"select department, stage, count(*) as value from ({_WAITS}) as waits where wait <= :le group by 1, 2",
    ),
    "koikarper_open_assignment_age_seconds_bucket": (
        "department state",
        f"""select department, state, count(*) as value from assignment
            where {_OPEN} and :now - waiting_since <= :le group by 1, 2""",
    ),
}
