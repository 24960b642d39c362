"""The jars of Apache Kafka: exactly those of the committed lock, each checked by its SHA-256 sum before every use.

The lock (`kafka.lock`, jgo's own format, no addresses) is made anew with `python -m services.local.locking`. Jars are
fetched once, by jgo, from Maven Central or the repositories of the user's jgo settings, into a cache of the user's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.env import LockFile
from jgo.maven import MavenContext

from services.local.faults import JarRefused, PartError
from services.local.part import Progress

LOCK = Path(__file__).with_name("kafka.lock")
_AT_ONCE = 8
_TIMEOUT = 60
_BUNDLE = "REQUESTS_CA_BUNDLE"


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """As in the cache; artifacts of two groups never share it, since the sum is part of it."""
        return f"{self.artifact}-{self.version}-{self.sha256[:12]}.jar"


def cache_folder() -> Path:
    """Where jars are kept for every data folder of this user: `$XDG_CACHE_HOME/koikarper/jars`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "koikarper" / "jars"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars of the lock. Raises `JarRefused` for one without a sum."""
    jars = []
    for entry in LockFile.load(lock).dependencies:
        if not entry.sha256:
            raise JarRefused(f"{lock} has no SHA-256 sum for {entry.groupId}:{entry.artifactId}. Make the lock anew.")
        jars.append(Jar(entry.groupId, entry.artifactId, entry.version, entry.sha256))
    return jars


def class_path(progress: Progress, *, lock: Path = LOCK, cache: Path | None = None) -> list[Path]:
    """Every jar of the lock, fetched where absent, checked. Blocks: seconds the first time, 0.1 s later.

    Raises `JarRefused` when a jar is not the one that the lock names, `PartError` when one cannot be fetched.
    """
    jars = read_lock(lock)
    cache = cache or cache_folder()
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PartError(f"The cache {cache} cannot be made: {error.strerror}. Set XDG_CACHE_HOME.") from error
    if missing := [jar for jar in jars if not (cache / jar.file_name).exists()]:
        _fetch_all(missing, cache, progress)
    for jar in jars:
        _check(jar, cache / jar.file_name)
    return [cache / jar.file_name for jar in jars]


def _check(jar: Jar, path: Path) -> None:
    found = _sum(path)
    if found != jar.sha256:
        raise JarRefused(
            f"{path} is not the jar that {LOCK.name} names: its SHA-256 is {found}, not {jar.sha256}. Nothing was "
            "started. Somebody or something changed it; delete it to have it fetched again."
        )


def _sum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch_all(missing: Sequence[Jar], cache: Path, progress: Progress) -> None:
    progress(f"Fetching {len(missing)} jars of Apache Kafka, once")
    with (
        _trusting_this_machine(),
        tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as draft,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        context = MavenContext(repo_cache=Path(draft), remote_repos=_repositories(), timeout=_TIMEOUT)
        fetched = [pool.submit(_fetch, jar, context, cache) for jar in missing]
        try:
            for number, one in enumerate(as_completed(fetched), 1):
                one.result()
                if number % 10 == 0:
                    progress(f"Fetched {number} of {len(missing)} jars")
        finally:
            pool.shutdown(cancel_futures=True)  # after an error: not another 45 of them


@contextmanager
def _trusting_this_machine() -> Iterator[None]:
    """Lets `requests` trust whom this machine trusts, as pip and curl do: its own list knows no proxy of an office.

    What the user said (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`) goes first; a machine that keeps no file gets the list.
    """
    store = ssl.get_default_verify_paths().cafile
    if store is None or any(os.environ.get(name) for name in (_BUNDLE, "CURL_CA_BUNDLE")):
        yield
        return
    os.environ[_BUNDLE] = store
    try:
        yield
    finally:
        del os.environ[_BUNDLE]


def _repositories() -> dict[str, str]:
    """Maven Central, and what the user's own jgo settings add or put in its place: jgo's own rule."""
    return {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}


def _fetch(jar: Jar, context: MavenContext, cache: Path) -> None:
    """Into a draft folder first: a jar in the cache is whole, whatever happens in between."""
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        draft = artifact.resolve()
    except (RuntimeError, OSError, requests.RequestException) as error:
        raise PartError(
            f"{jar.group}:{jar.artifact}:{jar.version} cannot be fetched: {error}. Look at the network; a repository "
            "of your own goes into the [repositories] of jgo's settings file."
        ) from error
    if (found := _sum(draft)) != jar.sha256:
        raise JarRefused(
            f"The repository gave another {jar.group}:{jar.artifact}:{jar.version} than {LOCK.name} names: its SHA-256 "
            f"is {found}, not {jar.sha256}. It was thrown away and nothing was started."
        )
    shutil.move(draft, cache / jar.file_name)
