"""A town with 40 departments and as many open assignments as wanted, the same at every start."""
# ruff: noqa: S608 - the parts of these queries are constants of this file

from services.ledger.counting import BUCKETS

DEPARTMENTS = 40

_TOWN = """
municipality: {{code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}}
calendars:
  office: {{timezone: Europe/Amsterdam, hours: {{mon-fri: ["09:00-17:00"]}}, holidays: NL, closed: []}}
promises:
  standard: {{acknowledge: 2 working days, resolve: 10 weeks, confirm: 7 days, extensions: 1, extension: 4 weeks}}
ladders:
  standard:
    - {{stage: acknowledge, at: due, escalate: d1}}
    - {{stage: acknowledge, at: due + 2 working days, escalate: d2}}
    - {{stage: resolve, at: due, escalate: d1}}
departments:
{departments}
teams:
  noord: {{name: Wijkteam Noord, neighbourhoods: [WK999901]}}
routes:
  - {{when: {{kind: initiative-blocked}}, to: [d1]}}
default: d1
patterns: {{signals: 3, within: 90 days}}
"""
_DEPARTMENT = "  d{0}: {{name: Afdeling {0}, calendar: office, promise: standard, ladder: standard}}"


def agreements() -> str:
    """The agreements of this town."""
    return _TOWN.format(departments="\n".join(_DEPARTMENT.format(number) for number in range(1, DEPARTMENTS + 1)))


# Of every nine, eight are open and spread evenly over departments, kinds, states and the last hundred days; the ninth
# is resolved, and its team is asked. As many again are closed.
_EACH = f"""
    select number, md5('signal ' || number)::uuid as signal, md5('assignment ' || number)::uuid as id,
        'd' || 1 + number / 8 % {DEPARTMENTS} as department,
        (array['initiative-blocked', 'rules-conflicting', 'agendas-crossing', 'custom-solution-requested',
               'formality-disproportionate', 'grievance-reported', 'intervention-announced', 'phase-changed']
        )[1 + number % 8] as kind,
        case when number >= cast(:count as int) * 9 / 8 then 'closed' when number >= cast(:count as int) then 'resolved'
             when number % 3 = 0 then 'waiting' else 'acknowledged' end as state,
        now() - interval '100 days' * (cast(number as bigint) * 7919 % 1000003) / 1000003 as since
    from generate_series(0, cast(:count as int) * 17 / 8 - 1) as number
"""
FILL = (
    f"""insert into signal (id, kind, team, neighbourhood, rules, report, state, waiting_since, last_at, hand_overs,
            moments, confirm_by)
        select signal, kind, 'noord', 'WK999901', '{{}}', '{{"title": "Koi"}}',
            case when state in ('resolved', 'closed') then state else 'open' end, since, since, 0, '[]',
            case when state = 'resolved' then since + interval '98 days' end
        from ({_EACH}) as each""",
    f"""insert into assignment (id, signal, department, round, kind, because, agreements, promise, state, waiting_since,
            assigned_at, acknowledge_by, resolve_first, resolve_by, last_at, extensions, resolve_inherited, contested,
            moments)
        select id, signal, department, 1, kind, 'a route', (select version from agreements), 'standard', state, since,
            since, since + interval '2 days', since + interval '70 days', since + interval '70 days', since, 0, false,
            0, '[]'
        from ({_EACH}) as each""",
    f"""insert into counter (name, labels, value)
        select 'wait_bucket', 'd' || department || '|' || stage || '|' || bucket, department
        from generate_series(1, {DEPARTMENTS}) as department,
            unnest(array['acknowledge', 'resolve', 'confirm']) as stage,
            unnest(array[{", ".join(f"'{bucket}'" for bucket in BUCKETS)}]) as bucket""",
)
