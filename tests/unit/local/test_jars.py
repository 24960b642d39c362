from __future__ import annotations

import functools
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.local.faults import JarRefused, PartError
from services.local.jars import LOCK, cache_folder, class_path, read_lock
from services.local.ports import Reserved

CONTENT = b"the content of a jar"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on this machine with one jar, put in the place of Maven Central by jgo's own settings."""
    root = tmp_path / "repository"
    jar = root / "nl" / "example" / "thing" / "1.0" / "thing-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        yield jar
        server.shutdown()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lock = tmp_path / "test.lock"
    lock.write_text(
        '[[dependencies]]\ngroupId = "nl.example"\nartifactId = "thing"\nversion = "1.0"\n'
        f'sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"\n'
    )
    return lock


def test_the_committed_lock_has_a_sum_for_every_jar_and_no_address() -> None:
    jars = read_lock()
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in jars}
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert all(jar.version.startswith("4.1.") for jar in jars if jar.group == "org.apache.kafka")
    assert "://" not in LOCK.read_text()


def test_a_lock_without_a_sum_is_refused(lock: Path) -> None:
    lock.write_text("\n".join(lock.read_text().splitlines()[:-1]))
    with pytest.raises(JarRefused, match=r"no SHA-256 sum for nl.example:thing"):
        read_lock(lock)


def test_a_jar_is_fetched_once_and_then_found_in_the_cache(repository: Path, lock: Path, tmp_path: Path) -> None:
    told: list[str] = []
    cache = tmp_path / "cache"
    (jar,) = class_path(told.append, lock=lock, cache=cache)
    assert jar.read_bytes() == CONTENT
    assert told == ["Fetching 1 jars of Apache Kafka, once"]
    repository.unlink()
    assert class_path(told.append, lock=lock, cache=cache) == [jar]
    assert len(told) == 1
    assert list(cache.iterdir()) == [jar]


def test_a_repository_that_gives_another_jar_is_refused_and_nothing_is_kept(
    repository: Path, lock: Path, tmp_path: Path
) -> None:
    repository.write_bytes(b"something else")
    with pytest.raises(JarRefused, match=r"gave another nl\.example:thing:1\.0 than .*thrown away"):
        class_path(lambda _: None, lock=lock, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_jar_that_was_changed_in_the_cache_is_refused_by_its_path(
    repository: Path, lock: Path, tmp_path: Path
) -> None:
    (jar,) = class_path(lambda _: None, lock=lock, cache=tmp_path / "cache")
    jar.write_bytes(b"tampered with")
    with pytest.raises(JarRefused, match=rf"{re.escape(str(jar))} is not the jar .*delete it"):
        class_path(lambda _: None, lock=lock, cache=tmp_path / "cache")


def test_a_jar_that_cannot_be_fetched_is_named(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Reserved(0, "nobody", "")
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{nobody.port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    with pytest.raises(PartError, match=r"nl\.example:thing:1\.0 cannot be fetched: .*network"):
        class_path(lambda _: None, lock=lock, cache=tmp_path / "cache")
    nobody.release()


def test_a_cache_that_cannot_be_made_is_named_with_the_variable_that_moves_it(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder() == tmp_path / "file" / "koikarper" / "jars"
    with pytest.raises(PartError, match=r"cannot be made.*XDG_CACHE_HOME"):
        class_path(lambda _: None, lock=lock)
