"""docker-compose.yml as Docker reads it, and its containers as processes of this machine.

A process gets what its container gets: the image's entry point and the file's command, the file's environment and no
other, its secrets in files, an empty folder to stand in. Only names differ: hosts are loopback addresses of a
`tests.cluster.Cluster`, and paths inside the container are folders here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IMAGE = "koikarper:0.1.0"
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+):-([^}]*)\})")


def read() -> dict[str, Any]:
    """The file, with its merges done and its variables at their defaults."""
    return interpolated(YAML(typ="safe").load(FILE))


def interpolated(value: Any) -> Any:
    """What Docker makes of `${NAME:-default}` and `$$` where nothing is set."""
    if isinstance(value, dict):
        return {key: interpolated(one) for key, one in value.items()}
    if isinstance(value, list):
        return [interpolated(one) for one in value]
    return _VARIABLE.sub(lambda found: found[2] if found[1] else "$", value) if isinstance(value, str) else value


def entry_point() -> list[str]:
    """The image's: every command of the file comes behind it."""
    [line] = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if line.startswith("ENTRYPOINT ")]
    words: list[str] = json.loads(line.removeprefix("ENTRYPOINT "))
    return words


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted where: target to source, the source being a path of this repository or a volume."""
    found = {}
    for volume in service.get("volumes", []):
        source, target = volume.split(":")[:2] if isinstance(volume, str) else (volume["source"], volume["target"])
        found[target] = source
    return found


class Container:
    """One service of the file as a process. `replaced` are texts of the file and what stands for them here."""

    def __init__(self, service: dict[str, Any], folder: Path, replaced: dict[str, str]) -> None:
        self.service = service
        self.folder = folder
        self.standing = folder / "standing"
        self.standing.mkdir(parents=True)
        (folder / "tmp").mkdir()
        targets = {target: str(ROOT / source) for target, source in mounts(service).items() if source.startswith("./")}
        self._replaced = {"/run/secrets": str(folder / "secrets"), **targets, **replaced}
        self.process: subprocess.Popen[bytes] | None = None

    def secrets(self, sources: dict[str, str]) -> None:
        """Write the secrets that the file gives to this service, and no other."""
        (self.folder / "secrets").mkdir()
        for secret in self.service.get("secrets", []):
            source, target = (secret, secret) if isinstance(secret, str) else (secret["source"], secret["target"])
            (self.folder / "secrets" / target).write_text(sources[source])

    def here(self, text: str) -> str:
        """A text of the file, with the names of this machine."""
        for name, value in self._replaced.items():
            text = text.replace(name, value)
        return text

    @property
    def environment(self) -> dict[str, str]:
        """What the file says, the search path, and where it may write; nothing of this shell's."""
        said = {name: self.here(value) for name, value in self.service.get("environment", {}).items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        return said | {"PATH": path, "TMPDIR": str(self.folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *argv: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run something in this container to its end."""
        return subprocess.run(
            argv, cwd=self.standing, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def command(self) -> list[str]:
        """What the container runs."""
        return [*entry_point(), *(self.here(word) for word in self.service["command"])]

    def start(self, *argv: str) -> None:
        """Start what the container runs; its output goes into `log`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv or self.command(), cwd=self.standing, env=self.environment, stdout=log, stderr=log
            )

    @property
    def log(self) -> Path:
        """What it said."""
        return self.folder / "log"

    def healthy(self) -> subprocess.CompletedProcess[str]:
        """Run the health check of the file."""
        kind, *argv = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(*(self.here(word) for word in argv))

    def stop(self) -> int:
        """Ask it to end, as Docker does; its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(timeout=45)
        finally:
            self.process.kill()
