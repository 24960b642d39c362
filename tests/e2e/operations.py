"""The real Prometheus and Alertmanager of Debian's packages, with the repository's own rules, alerts and routes.

What differs from `deploy/` is generated here and nowhere else: addresses, and the clock of operations (intervals,
`for`, the length of a working day), since a test cannot wait a day.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from services.local.ports import LOOPBACK, Reserved
from tests.e2e.conftest import until

DEPLOY = Path(__file__).parents[2] / "deploy"
DAY_SECONDS = 20
"""How long a working day is for the alert about silence."""
FOR_SECONDS = 5
INTERVAL = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
SHORTER = {
    "offset 1d": f"offset {DAY_SECONDS}s",
    "offset 2d": f"offset {DAY_SECONDS}s",
    "offset 3d": f"offset {DAY_SECONDS}s",
    "172800": "0",
    "86400": str(DAY_SECONDS),
}


def tool(name: str) -> str:
    """Where a program of Debian's packages is; CI must have it."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed: apt-get install prometheus prometheus-alertmanager"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def write_yaml(path: Path, content: Any) -> None:
    YAML(typ="safe").dump(content, path)


class Prometheus:
    """A running Prometheus and its HTTP API."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The data of an answer; an error of the query is the failure of the test, in Prometheus' words."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", (parameters, answer.get("error"))
        return answer["data"]

    def query(self, expression: str, **parameters: Any) -> list[dict[str, Any]]:
        """The series of an expression, now or at `time`."""
        data = self.get("query", query=expression, **parameters)
        return data["result"] if isinstance(data["result"], list) else [data]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[tuple[str, str]]:
        """Name and department of each alert that fires."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("department", ""))
            for alert in self.get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def is_ready(self) -> bool:
        return _answers(self._client, "/-/ready")


class Webhook(ThreadingHTTPServer):
    """Hears what Alertmanager tells each receiver."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Hearing)
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def alerts(self, receiver: str) -> list[dict[str, Any]]:
        """The labels of each alert that the receiver was told."""
        return [alert["labels"] for name, told in self.heard if name == receiver for alert in told["alerts"]]


class _Hearing(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.path.strip("/"), json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def alertmanager(folder: Path, hook: Webhook) -> Iterator[str]:
    """Alertmanager with the routes of `deploy/`, at any hour and at once; each receiver is the webhook. Its address."""
    port = free_port()
    config = folder / "alertmanager.yml"
    write_yaml(config, _routes(f"http://{LOOPBACK}:{hook.server_port}"))
    command = [
        tool("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    with running(command, folder / "alertmanager.log"), httpx.Client(trust_env=False) as client:
        assert until(lambda: _answers(client, f"http://{LOOPBACK}:{port}/-/ready")), "Alertmanager does not start"
        yield f"{LOOPBACK}:{port}"


@contextmanager
def prometheus(folder: Path, metrics: str, alerts_to: str) -> Iterator[Prometheus]:
    """Prometheus with the rules of `deploy/`, scraping the one process at `metrics` (host:port) every second."""
    port = free_port()
    rules = folder / "rules"
    rules.mkdir()
    for path in DEPLOY.joinpath("prometheus").glob("*.yml"):
        if "groups" in (content := read_yaml(path)):
            write_yaml(rules / path.name, shortened(content))
    write_yaml(folder / "prometheus.yml", _scraping(rules, metrics, alerts_to))
    command = [
        tool("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]
    with ExitStack() as stack:
        stack.enter_context(running(command, folder / "prometheus.log"))
        found = Prometheus(f"http://{LOOPBACK}:{port}")
        stack.callback(found.close)
        assert until(found.is_ready), "Prometheus does not start"
        yield found


@contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process, stopped at the end; its output goes to `log`."""
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def shortened(rules: Any) -> Any:
    """The same rules with a shorter day, and a shorter `for` where there is one."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            for long, short in SHORTER.items():
                rule["expr"] = rule["expr"].replace(long, short)
            if "for" in rule:
                rule["for"] = f"{FOR_SECONDS}s"
    return rules


def _scraping(rules: Path, metrics: str, alerts_to: str) -> Any:
    """As `deploy/` has it: the exporter is one job, the services another, though here one process serves both."""
    runtime = {"source_labels": ["__name__"], "regex": "koikarper_runtime_.*|process_.*|python_.*"}
    config = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")
    assert [job["job_name"] for job in config["scrape_configs"]] == ["koikarper-metrics", "koikarper-services"]
    for job, action in zip(config["scrape_configs"], ("drop", "keep"), strict=True):
        job["static_configs"] = [{"targets": [metrics]}]
        job["metric_relabel_configs"] = [runtime | {"action": action}]
    config["global"] |= INTERVAL
    config["rule_files"] = [f"{rules}/*.yml"]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alerts_to]}]
    return config


def _routes(hook: str) -> Any:
    config = read_yaml(DEPLOY / "alertmanager" / "alertmanager.yml")
    del config["global"]
    config["receivers"] = [
        {"name": receiver["name"], "webhook_configs": [{"url": f"{hook}/{receiver['name']}"}]}
        for receiver in config["receivers"]
    ]
    config["time_intervals"] = [
        {"name": interval["name"], "time_intervals": [{"weekdays": ["sunday:saturday"]}]}
        for interval in config["time_intervals"]
    ]
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    return config


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A port on which nothing listens."""
    reserved = Reserved(0, "a tool", "")
    reserved.release()
    return reserved.port
