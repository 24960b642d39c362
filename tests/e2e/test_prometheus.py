"""A real Prometheus and a real Alertmanager watch the demo: what operations and departments see, hear and are told.

One demo for all tests of this file, in their order: the last ones stop its database, and then the demo itself.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client import generate_latest

from services.agreements.loading import load
from services.cli.local import DEFAULT_AGREEMENTS
from services.dashboards.export import dashboard_files
from services.dashboards.queries import Query, queries
from services.local import addresses
from services.local.parts import Parts
from services.local.ports import LOOPBACK
from services.metrics import app as metrics
from services.metrics.definitions import DEFINITIONS
from services.runtime import settings as runtime_settings
from tests.e2e.conftest import PORTS, ROOT, environment, until
from tests.e2e.operations import (
    Prometheus,
    Webhook,
    alertmanager,
    free_port,
    prometheus,
    read_yaml,
    running,
    tool,
    webhook,
)
from tests.integration.metrics.recount import recounted

pytestmark = pytest.mark.timeout(290)

SILENT = "municipal-secretary"
"""The demo's department that never answers."""
ABOUT_SILENCE = {"AssignmentsOverdue", "OldestOverPromise", "DepartmentSilent", "HeardByTheMachineOnly"}
ABOUT_OTHERS = {"TopRungReached", "ContestedTwice", "ConfirmationsOverdue"}
"""What can only happen to who answers, or has a ladder: these fire for other departments of the demo."""
OF_THE_LEDGER = tuple(definition.name for definition in DEFINITIONS)
PATIENCE = 150
WELL_WHEN_ABSENT = {"koikarper:consumer:unread_seconds"}
"""What says something only while somebody is behind."""
OF_THIS_MACHINE = {"DiskFilling", "DiskAlmostFull"}
"""Whether the disk under this test is full says nothing about the demo."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A demo, and who watches it."""

    folder: Path
    demo: subprocess.Popen[bytes]
    metrics: str
    prometheus: Prometheus
    webhook: Webhook


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    data = folder / "data"
    port = free_port()
    command = [sys.executable, "-m", "services.cli", "demo", f"--data={data}", *PORTS, f"--metrics-port={port}"]
    shorter = environment() | {"KOIKARPER_SNAPSHOT_EVERY": "1"}
    with ExitStack() as stack:
        hook = stack.enter_context(webhook())
        alerts_to = stack.enter_context(alertmanager(folder, hook))
        found_by = stack.enter_context(prometheus(folder, f"{LOOPBACK}:{port}", alerts_to))  # sees the first zeros
        demo = stack.enter_context(running(command, folder / "demo.log", cwd=ROOT, env=shorter))
        found = until(lambda: addresses.read(data), 120)
        assert found is not None, (folder / "demo.log").read_text()[-4000:]
        yield Watched(data, demo, found.metrics, found_by, hook)


def test_prometheus_reads_every_scrape_and_finds_no_fault_with_a_name(watched):
    targets = until(lambda: _all_up(watched.prometheus))
    assert {target["health"]: target["lastError"] for target in targets} == {"up": ""}
    text = httpx.get(watched.metrics, trust_env=False).text
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    faults = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koikarper")]
    assert faults == []
    assert done.returncode in {0, 3}, done.stderr  # 3: it has advice, about what prometheus-client serves of itself
    assert until(lambda: watched.prometheus.query("koikarper_open_assignment_age_seconds_bucket"))


def test_every_rule_and_every_alert_is_evaluated_without_an_error(watched):
    assert until(lambda: {rule["health"] for rule in watched.prometheus.rules()} == {"ok"})
    for rule in watched.prometheus.rules():
        watched.prometheus.query(rule["query"])


def test_the_alerts_about_people_fire_for_the_department_that_is_silent(watched):
    wanted = {(name, SILENT) for name in ABOUT_SILENCE}
    assert until(lambda: wanted <= watched.prometheus.firing(), PATIENCE), watched.prometheus.firing()


def test_alertmanager_tells_the_silent_department_and_nobody_else_about_it(watched):
    def told() -> bool:
        return {alert["alertname"] for alert in watched.webhook.alerts(SILENT)} >= ABOUT_SILENCE

    assert until(told, PATIENCE), watched.webhook.heard
    assert {alert["department"] for alert in watched.webhook.alerts(SILENT)} == {SILENT}
    others = {name for name, _ in watched.webhook.heard} - {SILENT}
    for name in others:
        assert SILENT not in {alert["department"] for alert in watched.webhook.alerts(name) if "department" in alert}


def test_what_can_only_happen_to_who_answers_fires_for_others_in_the_demo(watched):
    def fired() -> set[str]:
        return {name for name, _ in watched.prometheus.firing()}

    until(lambda: fired() >= ABOUT_OTHERS, PATIENCE)
    assert fired() >= ABOUT_OTHERS


def test_every_recording_rule_has_data(watched):
    names = {rule["name"] for rule in watched.prometheus.rules() if rule["type"] == "recording"}
    names -= WELL_WHEN_ABSENT

    def empty() -> set[str]:
        return {name for name in names if not watched.prometheus.query(name)}

    until(lambda: not empty(), PATIENCE)
    assert empty() == set()


def test_every_query_of_every_panel_runs_and_has_data_where_it_should(watched):
    asked = [
        query
        for text in dashboard_files(load(DEFAULT_AGREEMENTS)).values()
        for query in queries(json.loads(text), "permits")
    ]
    assert len({query.dashboard for query in asked}) == 3

    def empty() -> list[str]:
        found = [query for query in asked if not _shown(watched.prometheus, query) and query.needs_data]
        return [f"{query.dashboard}, {query.panel} {query.ref}: {query.expr}" for query in found]

    until(lambda: not empty(), PATIENCE)
    assert empty() == []


def test_the_first_of_a_kind_is_an_increase(watched):
    """Each counter that stood at 0 when it was first scraped, and no longer does."""
    window = "[10m]"
    began = {}
    for series in watched.prometheus.query(f'{{__name__=~"koikarper_.*_total", job="koikarper-metrics"}}{window}'):
        values = [float(value) for _, value in series["values"]]
        assert values == sorted(values), series["metric"]
        if values[0] == 0 < values[-1]:
            began[str(sorted(series["metric"].items()))] = series["metric"]
    assert len({labels["kind"] for labels in began.values() if labels["__name__"] == "koikarper_signals_total"}) > 3
    for labels in began.values():
        chosen = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
        (found,) = watched.prometheus.query(f"increase({labels['__name__']}{{{chosen}}}{window})")
        assert float(found["value"][1]) > 0, labels


def test_no_alert_about_the_machinery_fires_in_a_healthy_demo(watched):
    def fired() -> set[str]:
        found = watched.prometheus.query('max_over_time(ALERTS{about="machinery", alertstate="firing"}[30s])')
        return {series["metric"]["alertname"] for series in found} - OF_THIS_MACHINE

    until(lambda: not fired(), 60)  # before the demo was up there was no machinery to be well
    assert fired() == set()


def test_without_its_database_the_scrape_answers_with_the_last_figures_and_the_alert_says_that_they_are_old(watched):
    family = psutil.Process(watched.demo.pid).children(recursive=True)
    database = [process for process in family if process.name() == "postgres"]
    assert database
    for process in database:
        process.suspend()
    try:
        time.sleep(2)  # a snapshot that was under way has ended
        before = _of_the_ledger(watched.metrics)
        time.sleep(3)
        begun = time.monotonic()
        after = _of_the_ledger(watched.metrics)
        took = time.monotonic() - begun
        assert after == before
        assert any(line.startswith("koikarper_snapshot_timestamp_seconds ") for line in after)
        assert took < 0.5
        assert _seconds_until_stale_fires(watched.prometheus) <= 300
    finally:
        for process in database:
            process.resume()
    newer = until(lambda: _of_the_ledger(watched.metrics) != after, 60)
    assert newer


def test_after_the_demo_every_metric_equals_its_recount(watched):
    watched.demo.terminate()
    assert watched.demo.wait(timeout=60) == 0
    assert asyncio.run(_recounted(watched.folder)) == []


async def _recounted(folder: Path) -> list[str]:
    """What the demo left, with nothing running but its parts."""
    async with Parts(folder, kafka_port=0, database_port=0) as parts:
        settings = runtime_settings.load(agreements=DEFAULT_AGREEMENTS, kafka=parts.kafka, database=parts.database)
        exporter = metrics.build(settings)
        await exporter.look()
        scraped = generate_latest(exporter.registry).decode()
        await exporter.stop()
        return await recounted(settings, scraped)


def _all_up(found: Prometheus) -> list[dict[str, str]]:
    targets = found.get("targets")["activeTargets"]
    return targets if len(targets) == 2 and all(target["health"] == "up" for target in targets) else []


def _shown(found: Prometheus, query: Query) -> bool:
    """Whether there is a value to draw, of the last minute for a graph."""
    if query.instant:
        return bool(found.query(query.expr))
    now = time.time()
    return bool(found.get("query_range", query=query.expr, start=now - 60, end=now, step=5)["result"])


def _of_the_ledger(url: str) -> list[str]:
    lines = httpx.get(url, trust_env=False).text.splitlines()
    return [line for line in lines if line.startswith(OF_THE_LEDGER)]


def _seconds_until_stale_fires(found: Prometheus) -> float:
    """By the alert's own expression and `for` in `deploy/`, asked of the time to come, when nothing is scraped anew.

    What was recorded stays as it is, so the recorded age is put in as it is made.
    """
    rules = [
        rule
        for path in ROOT.joinpath("deploy", "prometheus").glob("*.yml")
        for group in read_yaml(path).get("groups", ())
        for rule in group["rules"]
    ]
    alert = next(rule for rule in rules if rule.get("alert") == "SnapshotStale")
    name = "koikarper:snapshot:age_seconds"
    age = next(rule["expr"] for rule in rules if rule.get("record") == name)
    now = time.time()
    expression = alert["expr"].replace(name, f"({age})")
    data = found.get("query_range", query=expression, start=now, end=now + 300, step=5)
    first = min(float(moment) for series in data["result"] for moment, _ in series["values"])
    minutes = int(re.fullmatch(r"(\d+)m", alert["for"])[1])
    scraped_and_evaluated = 15 + 15
    return first - now + minutes * 60 + scraped_and_evaluated
