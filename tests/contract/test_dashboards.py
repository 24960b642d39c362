"""What every dashboard and panel must be: told in words, with units, and never empty without a word."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML
from typer.testing import CliRunner

from services.agreements.loading import load
from services.cli import export
from services.dashboards import palette
from services.dashboards.frame import DEPARTMENT, MACHINERY, TOWN
from services.dashboards.queries import Query, queries
from services.metrics.definitions import ADDED, DEFINITIONS
from services.relay.metrics import Metrics as RelayMetrics
from services.timekeeper.metrics import Metrics as TimekeeperMetrics

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
AGREEMENTS = load(ROOT / "deploy" / "agreements.yaml")
DASHBOARDS = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS = [
    pytest.param(panel, id=f"{uid}: {panel['title']}")
    for uid, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
QUERIES = [query for dashboard in DASHBOARDS.values() for query in queries(dashboard, "permits")]
CORE_PANELS = {"stat", "bargauge", "timeseries", "state-timeline", "heatmap", "table"}  # in every Grafana since 9
COLORS = {color.lower() for color in vars(palette).values() if isinstance(color, str) and color.startswith("#")}
ENGLISH = re.compile(
    r"\b(the|and|with|by|oldest|waiting|overdue|lag|rate|latency|department|signals?)\b", re.IGNORECASE
)

SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "gaugehistogram": ("_bucket", "_gcount", "_gsum")}
RUNTIME = """
    koikarper_runtime_consumer_lag_records koikarper_runtime_consumer_oldest_unread_timestamp_seconds
    koikarper_runtime_consumer_batch_records_sum koikarper_runtime_consumer_batch_seconds_bucket
    koikarper_runtime_consumer_retries_total koikarper_runtime_publish_seconds_bucket
    koikarper_runtime_gateway_request_seconds_bucket koikarper_runtime_gateway_request_seconds_count
    process_resident_memory_bytes process_cpu_seconds_total ALERTS"""


@cache
def served() -> set[str]:
    """Every name that somebody serves, records or (Prometheus itself) keeps."""
    registry = CollectorRegistry()
    RelayMetrics(registry)
    TimekeeperMetrics(registry)
    of_services = {
        metric.name + suffix
        for metric in registry.collect()
        for suffix in {"counter": ("_total",), **SUFFIXES}.get(metric.type, ("",))
    }
    of_exporter = {each.name + suffix for each in (*DEFINITIONS, *ADDED) for suffix in SUFFIXES.get(each.type, ("",))}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return of_services | of_exporter | recorded | set(RUNTIME.split())


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / "deploy" / "prometheus").glob("*.yml")):
        for group in YAML(typ="safe").load(path).get("groups", ()):
            yield from group["rules"]


def within(value: Any, *keys: str) -> Iterator[Any]:
    """Everything that stands under one of `keys`, at any depth."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in keys and not isinstance(each, (dict, list)):
                yield each
            yield from within(each, *keys)
    elif isinstance(value, list):
        for each in value:
            yield from within(each, *keys)


def test_the_committed_dashboards_are_those_that_the_agreements_make() -> None:
    result = CliRunner().invoke(export.app, ["dashboards", "--check", "--to", str(GRAFANA / "dashboards")])
    assert result.exit_code == 0, f"{result.output}\nMend it with: koikarper export dashboards"
    assert set(DASHBOARDS) == {TOWN, DEPARTMENT, MACHINERY}


@pytest.mark.parametrize("panel", PANELS)
class TestPanel:
    def test_it_says_in_dutch_what_it_shows_and_what_it_means_when_it_is_empty(self, panel: dict[str, Any]) -> None:
        texts = [panel["title"], panel["description"], panel["fieldConfig"]["defaults"]["noValue"]]
        assert all(texts)
        assert len(panel["description"]) > len(panel["title"])
        assert not [text for text in texts if ENGLISH.search(re.sub(r"`[^`]*`", "", text))]

    def test_its_figures_have_a_unit(self, panel: dict[str, Any]) -> None:
        assert panel["fieldConfig"]["defaults"]["unit"]

    def test_it_asks_the_provisioned_source(self, panel: dict[str, Any]) -> None:
        assert panel["targets"]
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {
            source()["uid"]
        }

    def test_every_grafana_has_its_kind(self, panel: dict[str, Any]) -> None:
        assert panel["type"] in CORE_PANELS

    def test_its_colours_do_not_depend_on_red_and_green(self, panel: dict[str, Any]) -> None:
        assert {color.lower() for color in within(panel, "color", "fixedColor")} <= COLORS

    def test_a_figure_is_of_now_and_never_the_last_of_a_range(self, panel: dict[str, Any]) -> None:
        over_time = panel["type"] in {"timeseries", "state-timeline", "heatmap"}
        assert {bool(each.get("instant")) for each in panel["targets"]} == {not over_time}

    def test_a_state_has_words_beside_its_colour(self, panel: dict[str, Any]) -> None:
        results = [result for each in within_mappings(panel) for result in each["options"].values()]
        assert all(result["text"] for result in results)


def within_mappings(panel: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *panel["fieldConfig"]["defaults"].get("mappings", ()),
        *(
            mapping
            for override in panel["fieldConfig"]["overrides"]
            for each in override["properties"]
            if each["id"] == "mappings"
            for mapping in each["value"]
        ),
    ]


@cache
def source() -> dict[str, Any]:
    (only,) = YAML(typ="safe").load(GRAFANA / "provisioning" / "datasources" / "prometheus.yaml")["datasources"]
    return only


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
class TestDashboard:
    def test_it_says_what_it_is_for(self, uid: str) -> None:
        assert DASHBOARDS[uid]["uid"] == uid
        assert len(DASHBOARDS[uid]["description"]) > len(DASHBOARDS[uid]["title"])

    def test_no_panel_lies_over_another_or_beside_the_page(self, uid: str) -> None:
        places = [panel["gridPos"] for panel in DASHBOARDS[uid]["panels"]]
        cells = [cell for at in places for cell in product(span(at["x"], at["w"]), span(at["y"], at["h"]))]
        assert len(cells) == len(set(cells))
        assert all(x < 24 for x, _ in cells)

    @pytest.mark.parametrize("name", ["id", "title"])
    def test_every_panel_has_its_own_number_and_title(self, uid: str, name: str) -> None:
        names = [panel[name] for panel in DASHBOARDS[uid]["panels"]]
        assert len(names) == len(set(names))

    def test_it_leads_to_the_two_others_and_takes_time_and_department_along(self, uid: str) -> None:
        links = DASHBOARDS[uid]["links"]
        assert {link["url"] for link in links} == {f"/d/{other}" for other in DASHBOARDS if other != uid}
        assert all(link["keepTime"] and link["includeVars"] for link in links)

    def test_nobody_can_change_it_on_the_page_alone(self, uid: str) -> None:
        assert DASHBOARDS[uid]["editable"] is False


def span(start: int, length: int) -> range:
    return range(start, start + length)


def test_a_row_of_the_town_opens_that_department() -> None:
    tables = [panel for panel in DASHBOARDS[TOWN]["panels"] if panel["type"] == "table"]
    for table in tables:
        urls = list(within(table["fieldConfig"]["overrides"], "url"))
        assert urls == [f"/d/{DEPARTMENT}?var-department=${{__value.raw}}&${{__url_time_range}}"]
    assert len(tables) == 2


def test_rows_of_several_queries_fall_together_for_they_bear_no_name_of_a_metric() -> None:
    tables = [panel for each in DASHBOARDS.values() for panel in each["panels"] if panel["type"] == "table"]
    several = [table["targets"] for table in tables if len(table["targets"]) > 1]
    assert several
    assert all(re.match(r"(sum|max) by \(department\)", ask["expr"]) for targets in several for ask in targets)


def test_every_department_can_be_chosen_by_its_name() -> None:
    (variable,) = DASHBOARDS[DEPARTMENT]["templating"]["list"]
    assert variable["name"] == "department"
    listed = dict(reversed(each.split(" : ")) for each in variable["query"].split(", "))
    assert listed == {each.code: each.name for each in AGREEMENTS.departments.values()}
    assert variable["current"]["value"] in listed


def test_every_alert_leads_to_a_dashboard_and_to_a_variable_that_it_has() -> None:
    urls = [rule["annotations"]["dashboard_url"] for rule in rules() if "alert" in rule]
    assert urls
    for url in urls:
        uid, _, asked = url.removeprefix("/d/").partition("?")
        variables = [f"var-{each['name']}" for each in DASHBOARDS[uid].get("templating", {}).get("list", ())]
        assert [pair.partition("=")[0] for pair in asked.split("&") if pair] in ([], variables)


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "promtool is not installed: apt-get install prometheus"
        pytest.skip("promtool is not installed: apt-get install prometheus")
    asked = sorted({query.expr for query in QUERIES})
    recorded = [{"record": f"test:query:n{at}", "expr": expr} for at, expr in enumerate(asked)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": recorded}]}))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(asked)} rules found" in done.stdout


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.dashboard}: {query.panel} {query.ref}")
def test_a_query_asks_only_for_what_is_served_or_recorded(query: Query) -> None:
    names = set(re.findall(r"\b(?:koikarper|process)[\w:]*|\bALERTS\b", re.sub(r'"[^"]*"', "", query.expr)))
    assert names
    assert names <= served()
    assert "$" not in query.expr


def test_what_is_provisioned_is_what_is_generated() -> None:
    (provider,) = YAML(typ="safe").load(GRAFANA / "provisioning" / "dashboards" / "koikarper.yaml")["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert not provider["allowUiUpdates"]
    assert source()["uid"] == "koikarper-prometheus"
    assert source()["type"] == "prometheus"
