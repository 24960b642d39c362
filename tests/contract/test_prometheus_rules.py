"""The rules, alerts and routes in `deploy/` are right by Prometheus's and Alertmanager's own tools, and whole."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML
from typer.main import get_command

from services.agreements.loading import load
from services.cli import build
from services.cli.rules import NAME, rule_files
from services.metrics.definitions import ADDED
from services.relay.metrics import Metrics as RelayMetrics
from services.timekeeper.metrics import Metrics as TimekeeperMetrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RUNBOOK = (ROOT / "deploy" / "runbook.md").read_text("utf-8")
AGREEMENTS = ROOT / "deploy" / "agreements.yaml"
DASHBOARDS = {"koikarper-town", "koikarper-department", "koikarper-machinery"}
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}

CONTRACT = {  # contract 4: what the exporter serves, by type
    "counter": """
        koikarper_signals_total koikarper_signals_closed_total koikarper_deadlines_total koikarper_answers_total
        koikarper_escalations_total koikarper_precedents_total koikarper_dead_letters_total""",
    "gauge": """
        koikarper_signals_open koikarper_assignments_open koikarper_oldest_open_assignment_timestamp_seconds
        koikarper_assignments_overdue koikarper_next_deadline_timestamp_seconds
        koikarper_longest_waiting_assignment_timestamp_seconds koikarper_patterns_open koikarper_outbox_rows
        koikarper_outbox_oldest_timestamp_seconds koikarper_read_until_timestamp_seconds koikarper_dead_letters_open
        koikarper_canary_roundtrip_seconds koikarper_canary_last_success_timestamp_seconds
        koikarper_snapshot_timestamp_seconds""",
    "gaugehistogram": "koikarper_open_assignment_age_seconds",
    "histogram": "koikarper_wait_seconds",
}
BEYOND = {each.name for each in ADDED}  # the exporter's too, but no promise of the contract
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "gaugehistogram": ("_bucket", "_gcount", "_gsum")}


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


RULES = [
    rule
    for path in sorted(PROMETHEUS.glob("*.yml"))
    for group in read_yaml(path).get("groups", ())
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
TESTS = sorted((PROMETHEUS / "tests").glob("*.test.yml"))


def tool(name: str) -> str:
    """Where a tool of Debian's packages `prometheus` and `prometheus-alertmanager` is; CI must have it."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed: apt-get install prometheus prometheus-alertmanager"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(name: str, *arguments: str | Path) -> str:
    done = subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def served() -> set[str]:
    """Every name under which a value can be asked for: the exporter's, the relay's and the timekeeper's."""
    of_exporter = {
        name + suffix
        for type_, names in CONTRACT.items()
        for name in names.split()
        for suffix in SUFFIXES.get(type_, ("",))
    }
    registry = CollectorRegistry()
    RelayMetrics(registry)
    TimekeeperMetrics(registry)
    runtime = {
        metric.name + suffix
        for metric in registry.collect()
        for suffix in {"counter": ("_total",), **SUFFIXES}.get(metric.type, ("",))
    }
    return of_exporter | BEYOND | runtime


KEYWORDS = re.compile(
    "absent|and|bool|by|day_of_week|group_left|histogram_quantile|increase|inf|max|max_over_time|min|min_over_time|offset|on|or|predict_linear|sum|time|unless|vector",
    re.IGNORECASE,
)


def names_in(expression: str) -> set[str]:
    """What a query asks for by name: neither functions, nor labels, nor what stands in quotes."""
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b\d[\w.]*", " ", expression)
    text = re.sub(r"\b(by|on|group_left)\s*\([^)]*\)", r" \1 ", text)
    return {name for name in re.findall(r"[A-Za-z_:][\w:]*", text) if not KEYWORDS.fullmatch(name)}


def outcomes_of(name: str) -> list[bool]:
    """Of each promtool test of an alert, whether the alert fires in it."""
    cases = [case for path in TESTS for test in read_yaml(path)["tests"] for case in test.get("alert_rule_test", ())]
    return [bool(case["exp_alerts"]) for case in cases if case["alertname"] == name]


def test_prometheus_takes_its_configuration_and_every_rule() -> None:
    run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")
    run("promtool", "check", "rules", *sorted(PROMETHEUS.glob("*.rules.yml")), *sorted(PROMETHEUS.glob("*.alerts.yml")))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_alert_fires_when_it_must_and_is_silent_when_not(path: Path) -> None:
    run("promtool", "test", "rules", path)


def test_alertmanager_takes_its_configuration() -> None:
    run("amtool", "check-config", ALERTMANAGER)


@pytest.mark.parametrize("department", sorted(load(AGREEMENTS).departments))
def test_what_is_late_at_a_department_is_told_to_that_department(department: str) -> None:
    assert told("AssignmentsOverdue", "people", department) == [department]


def test_a_department_without_a_route_is_not_lost() -> None:
    assert told("AssignmentsOverdue", "people", "new-department") == ["concern-control"]


def test_the_top_of_a_ladder_is_told_to_concern_control_too() -> None:
    assert told("TopRungReached", "people", "permits") == ["concern-control", "permits"]


def test_a_team_that_is_late_to_confirm_is_not_held_against_the_department() -> None:
    assert told("ConfirmationsOverdue", "people", "permits") == ["neighbourhood-teams"]


def test_a_program_that_does_not_read_is_told_to_operations_and_to_its_department() -> None:
    assert told("DepartmentNotReading", "people", "permits") == ["operations", "permits"]
    assert told("HeardByTheMachineOnly", "people", "permits") == ["permits"]


def test_trouble_of_the_machinery_is_told_to_operations() -> None:
    assert told("OutboxGrowing", "machinery", "") == ["operations"]


def told(alert: str, about: str, department: str) -> list[str]:
    labels = [f"alertname={alert}", f"about={about}", *([f"department={department}"] if department else [])]
    return run("amtool", "config", "routes", "test", "--config.file", ALERTMANAGER, *labels).strip().split(",")


@pytest.mark.parametrize("name", sorted(ALERTS))
class TestAlert:
    def test_it_says_what_it_means_how_bad_it_is_and_where_to_look(self, name: str) -> None:
        alert = ALERTS[name]
        assert re.fullmatch(r"([A-Z][a-z]+)+", name)
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["labels"]["about"] in {"people", "machinery"}
        assert set(alert["annotations"]) == ANNOTATIONS
        assert all(text.strip() for text in alert["annotations"].values())

    def test_it_leads_to_a_section_of_the_runbook_and_to_a_dashboard(self, name: str) -> None:
        annotations = ALERTS[name]["annotations"]
        assert annotations["runbook_url"] == f"deploy/runbook.md#{name.lower()}"
        section = re.search(rf"^## {name}\n(.*?)(?=^#|\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
        assert section
        assert all(f"**{word}**" in section[1] for word in ("Residents", "Look", "Do", "Call"))
        assert re.match(r"/d/([\w-]+)", annotations["dashboard_url"])[1] in DASHBOARDS

    def test_promtool_tests_say_when_it_fires_and_when_not(self, name: str) -> None:
        assert set(outcomes_of(name)) == {True, False}

    def test_about_people_it_bears_the_department(self, name: str) -> None:
        alert = ALERTS[name]
        assert ("$labels.department" in alert["annotations"]["summary"]) == (alert["labels"]["about"] == "people")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_what_is_served_or_recorded(rule: dict[str, Any]) -> None:
    assert names_in(str(rule["expr"])) <= served() | RECORDED


def test_a_name_that_nobody_serves_would_be_found() -> None:
    assert names_in('sum by (a) (rate_of{b="c"}[5m]) > on (a) group_left (d) node_disk') == {"rate_of", "node_disk"}


def test_recorded_names_say_what_and_how() -> None:
    assert all(re.fullmatch(r"koikarper:[a-z_]+:[a-z0-9_]+", name) for name in RECORDED)


def test_the_promises_and_ladders_are_those_of_the_agreements() -> None:
    assert (PROMETHEUS / NAME).read_text("utf-8") == rule_files(load(AGREEMENTS))[NAME]


def test_the_runbook_names_only_commands_that_exist() -> None:
    commands = get_command(build()).commands  # type: ignore[attr-defined]  # a Typer with commands is a Group
    named = set(re.findall(r"(?:`|^)koikarper ([a-z-]+)", RUNBOOK, re.MULTILINE))
    assert named
    assert named <= set(commands)
