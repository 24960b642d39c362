"""One replay, from the file to the report: read, send, let time pass until the log's end, wait until all is told."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from events.moments import zulu
from services.agreements.loading import load
from services.ledger import app as ledger
from services.local.replay import namespace, town
from services.local.replay.cases import Cases
from services.local.replay.circuit import Circuit, send
from services.local.replay.events import Plan, plan
from services.local.replay.faults import Finding, LogError
from services.local.replay.log import Log
from services.local.replay.mapping import Mapping
from services.local.replay.moments import whole
from services.local.replay.passing import pass_moments
from services.local.replay.progress import Bars
from services.local.replay.report import Report, figures
from services.relay import app as relay
from services.runtime.clock import Clock
from services.runtime.service import Running
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Told:
    """What a log says: its cases, what is to be sent of them, and the moment that counts as now."""

    cases: Cases
    plan: Plan
    at: datetime
    seconds: float


def tell(log: Log, mapping: Mapping, until: datetime | None, clock: Clock, bars: Bars) -> Told:
    """Read the log whole; raises `LogError` when there is no case in it."""
    began = time.monotonic()
    cases = Cases(mapping, clock())
    size = log.size
    cases.read(log.rows(mapping.columns, lambda done: bars.show("Reading the log", done, size)))
    made = plan(cases, whole(until) if until else None)
    at = whole(until) if until else cases.end
    if at is None or not made.cases:
        if until and made.not_begun:
            raise LogError(f"{log.path}: none of its {made.not_begun} cases has begun by {zulu(until)}; ask for later")
        raise LogError(f"{log.path} holds no case to replay{_first(cases.findings + made.findings)}")
    return Told(cases, made, at, time.monotonic() - began)


def _first(findings: list[Finding]) -> str:
    if not findings:
        return ""
    first = min(findings)
    return f"; the first of {len(findings)} findings: line {first.line}: {first.message}"


async def replay(settings: Settings, log: Log, mapping: Mapping, told: Told, bars: Bars) -> Report:
    """Send what the log told through ledger, relay and department topics of its own; report who waited how long.

    `settings` name Kafka and PostgreSQL. Raises `ReplayError` when anything that was said is not where it must be.
    """
    began = time.monotonic()
    steps = told.plan.steps
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="koikarper-replay-"))
        file = Path(folder) / "agreements.yaml"
        await asyncio.to_thread(file.write_text, town.agreements(mapping, told.cases.departments), "utf-8")
        own = namespace.inside(settings, log.name, file)
        agreements = load(file)
        await stack.enter_async_context(namespace.alone(own))
        await namespace.fresh(own, agreements)
        running = await stack.enter_async_context(Running([ledger.build(own), relay.build(own)]))
        circuit = await stack.enter_async_context(Circuit(own, agreements.departments, running, bars))
        parts = (partial(send, own, steps, mapping, bars), partial(pass_moments, own, agreements, told.at, bars))
        await circuit.complete(parts, told.plan.cases, len(steps))
        waits, refused = await figures(own, told.at)
    return Report(
        log=log.path.name,
        at=told.at,
        rows=told.cases.rows,
        cases=told.plan.cases,
        not_begun=told.plan.not_begun,
        events=len(steps),
        assignments=circuit.arrived.count,
        refused=refused,
        findings=tuple(sorted(told.cases.findings + told.plan.findings)),
        waits=tuple(waits),
        seconds=told.seconds + time.monotonic() - began,
    )
