"""The stack of docker-compose.yml on this machine: three nodes, every command as its container runs it, one killed.

Container by container: see `tests/stack.py` for what is the file's and what stands for it here.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psutil
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from services.cli.operate import SERVICES as RUNNABLE
from services.local import keys
from services.local.accounts import account_for
from services.local.binaries import reachable
from services.local.roles import ROLE
from tests.cluster import NODES, Cluster
from tests.stack import IMAGE, ROOT, Container, read

COMPOSE = read()
ROLES = ROOT / "deploy" / "postgresql" / "roles.sql"
PASSWORD = "of-the-services"
KAFKA_TOPIC = "neighbourhood.initiative-blocked"
SOURCE = "urn:nld:oin:00000099000000001000:systeem:wijkteam-app/noord"
POND = {
    "team": "noord",
    "neighbourhood": "WK999901",
    "title": "Koi in the pond",
    "initiative": "A pond with koi",
    "blockedBy": "permit",
}
PATIENCE_SECONDS = 90


class Stack:
    """The file's own services as processes, beside a cluster; `jobs` are what ran once."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        self.secrets = folder / "secrets"
        keys.jwks(self.secrets)
        self.canary_token = keys.canary_token(self.secrets).read_text()
        services = [name for name, service in COMPOSE["services"].items() if service["image"] == IMAGE]
        self.gateway = f"http://{cluster.host(10 + services.index('gateway'))}:8080"
        self.containers = {name: self._container(name, 10 + number) for number, name in enumerate(services)}

    def _container(self, name: str, number: int) -> Container:
        hosts = {f"kafka-{node}:": f"{self.cluster.host(node)}:" for node in NODES}
        hosts |= {"http://gateway:8080": self.gateway}
        here = {"0.0.0.0": self.cluster.host(number), "/disks": str(self.folder / "disks")}  # noqa: S104 - replaced
        container = Container(COMPOSE["services"][name], self.folder / name, hosts | here)
        public = (self.secrets / "keys" / keys.PUBLIC).read_text()
        databases = {"database": self._as_services(), "database-owner": self.cluster.database}
        container.secrets(databases | {"jwks": public, "canary-token": self.canary_token})
        return container

    def _as_services(self) -> str:
        """Where the services connect: as a role that owns nothing, and not as the owner."""
        found = urlsplit(self.cluster.database)
        return urlunsplit(found._replace(netloc=f"{ROLE}:{PASSWORD}@{found.hostname}:{found.port}"))

    def make_roles(self) -> None:
        """What PostgreSQL's image does with deploy/postgresql/ when it makes the database."""
        (self.folder / "password").write_text(PASSWORD)
        sql = ROLES.read_text("utf-8").replace("/run/secrets/services-password", str(self.folder / "password"))
        psql = reachable(account_for(self.folder)) / "psql"
        argv = [str(psql), "--no-psqlrc", "--set=ON_ERROR_STOP=1", self.cluster.database]
        subprocess.run(argv, input=sql, text=True, check=True, capture_output=True)

    @property
    def services(self) -> dict[str, Container]:
        return {name: one for name, one in self.containers.items() if one.service["command"][0] == "run"}

    async def healthy(self) -> None:
        """Wait until the health check of every service says so."""
        limit = time.monotonic() + PATIENCE_SECONDS
        waiting = dict(self.services)
        while waiting:
            for name, one in list(waiting.items()):
                said = await asyncio.to_thread(one.healthy)
                if said.returncode == 0:
                    waiting.pop(name)
                assert time.monotonic() < limit, f"{name}: {said.stdout}{one.log.read_text()[-2000:]}"
            await asyncio.sleep(0.2)

    def client(self, subject: str) -> httpx.AsyncClient:
        authorization = f"Bearer {keys.token(self.secrets, subject)}"
        return httpx.AsyncClient(base_url=self.gateway, headers={"authorization": authorization}, timeout=30)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    for part in ("kafka", "postgresql"):
        (folder / "disks" / part).mkdir(parents=True)
    async with Cluster(folder / "cluster") as cluster:
        running = Stack(folder, cluster)
        running.make_roles()
        for name in ("migrate", "topics"):
            one = running.containers[name]
            done = await asyncio.to_thread(one.run, *one.command())
            assert done.returncode == 0, done.stderr
        for one in running.services.values():
            one.start()
        try:
            await running.healthy()
            yield running
        finally:
            await asyncio.gather(*(asyncio.to_thread(one.stop) for one in running.services.values()))


async def accepted(client, path, *, content=None, json=None):
    """Say it until it is accepted, as senders do: the same words and key count once."""
    limit = time.monotonic() + PATIENCE_SECONDS
    headers = {"idempotency-key": str(uuid.uuid4())} if content is None else {}
    headers |= {"content-type": "application/cloudevents+json"} if json is None else {}
    while True:
        answer = await client.post(path, content=content, json=json, headers=headers)
        if answer.status_code != 503:
            assert answer.status_code == 202, answer.text
            return answer.json()["accepted"][0]
        assert time.monotonic() < limit, answer.text
        await asyncio.sleep(0.5)


async def found(client, path, match):
    """Read until what is looked for is there."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = await client.get(path)
        if answer.status_code == 200 and (seen := match(answer.json())):
            return seen
        assert time.monotonic() < limit, answer.text
        await asyncio.sleep(0.1)


async def signal(team, title):
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "type": "nl.koikarper.signals.initiative-blocked.v1",
        "data": POND | {"title": title},
    }
    return (await accepted(team, "/v1/events", content=jsonlib.dumps(event)))["signal"]


async def assignment(permits, of):
    def mine(page):
        return next((item for item in page["items"] if item["signal"] == of), None)

    return (await found(permits, "/v1/assignments?state=waiting", mine))["id"]


async def rounded(team, permits, of, given):
    """The rest of the round: the department answers, and the team confirms."""
    acknowledged = {"by": "clerk", "contact": {"role": "clerk", "reach": "14 020"}}
    await accepted(permits, f"/v1/assignments/{given}/acknowledge", json=acknowledged)
    resolved = {"by": "clerk", "outcome": "solved", "explanation": "The pond may stay."}
    await accepted(permits, f"/v1/assignments/{given}/resolve", json=resolved)
    await found(team, f"/v1/signals/{of}", lambda item: item["state"] == "resolved")
    await accepted(team, f"/v1/signals/{of}/confirm", json={"by": "connector"})
    await found(team, f"/v1/signals/{of}", lambda item: item["state"] == "closed")


async def partitions(kafka):
    """The partitions of every topic of the loop."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        topics = [topic for topic in await admin.describe_topics() if not topic["is_internal"]]
        return {topic["topic"]: topic["partitions"] for topic in topics}
    finally:
        await admin.close()


async def test_the_topics_are_on_three_nodes_and_a_second_run_of_the_jobs_changes_nothing(stack):
    found = await partitions(stack.cluster.kafka)
    assert KAFKA_TOPIC in found
    assert {tuple(sorted(one["replicas"])) for parts in found.values() for one in parts} == {NODES}
    topics, migrate = stack.containers["topics"], stack.containers["migrate"]
    again = await asyncio.gather(*(asyncio.to_thread(one.run, *one.command()) for one in (topics, migrate)))
    assert [done.returncode for done in again] == [0, 0]
    assert again[0].stdout == "0 topics created, 0 differences.\n"


async def test_each_service_of_the_program_runs_in_a_container_of_its_own_and_writes_only_where_it_may(stack):
    assert {one.service["command"][1] for one in stack.services.values()} == set(RUNNABLE)
    for name, one in stack.containers.items():
        assert list(one.standing.iterdir()) == [], name
    memory = {name: psutil.Process(one.process.pid).memory_info().rss for name, one in stack.services.items()}
    for name, rss in memory.items():
        limit = stack.containers[name].service["mem_limit"]
        assert limit.endswith("m")
        assert rss < int(limit[:-1]) * 2**20 * 0.75, f"{name}: {rss / 2**20:.0f} MB of {limit}"


async def test_the_round_goes_on_when_a_node_is_killed_in_the_middle_and_when_it_comes_back(stack):
    cluster = stack.cluster
    async with stack.client("team:noord") as team, stack.client("department:permits") as permits:
        before = await signal(team, "Before")
        given = await assignment(permits, before)
        leader = (await partitions(cluster.kafka))[KAFKA_TOPIC][0]["leader"]
        await cluster.kill(leader)
        during = await signal(team, "During")
        await rounded(team, permits, before, given)
        await rounded(team, permits, during, await assignment(permits, during))
        await cluster.start(leader)
        after = await signal(team, "After")
        await rounded(team, permits, after, await assignment(permits, after))
        seen = (await team.get("/v1/signals?limit=500")).json()["items"]
        assert sorted(item["id"] for item in seen) == sorted([before, during, after])
    await stack.healthy()


@pytest.mark.parametrize(
    ("name", "program"), [("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")]
)
async def test_operations_programs_start_with_the_files_arguments_and_are_found_healthy(name, program, tmp_path):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    service = COMPOSE["services"][name]
    free = f"127.{uuid.uuid4().int % 200 + 20}.0.1"
    data = {f"=/{name}": f"={tmp_path}"}
    one = Container(service, tmp_path / "container", {"0.0.0.0": free, "127.0.0.1": free} | data)  # noqa: S104 - replaced
    one.start(program, *(one.here(word) for word in service["command"]))
    try:
        limit = time.monotonic() + PATIENCE_SECONDS
        while (said := await asyncio.to_thread(one.healthy)).returncode != 0:
            assert one.process.poll() is None, one.log.read_text()
            assert time.monotonic() < limit, said.stdout + said.stderr + one.log.read_text()
            await asyncio.sleep(0.2)
    finally:
        code = one.stop()
    assert code == 0
