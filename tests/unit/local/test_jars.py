from __future__ import annotations

import functools
import hashlib
import os
import re
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


def self_signed(folder: Path) -> Path:
    """The certificate and the key of 127.0.0.1 in one file, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an office's proxy")])
    day = timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - day)
        .not_valid_after(datetime.now(UTC) + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "proxy.pem"
    path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_repository_behind_a_proxy_that_this_machine_trusts_is_trusted(
    repository: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    handler = functools.partial(Quiet, directory=repository.parents[4])
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = https://127.0.0.1:{server.server_port}\n")
        assert [jar.read_bytes() for jar in class_path(lambda _: None, lock=lock, cache=tmp_path / "cache")] == [
            CONTENT
        ]
        server.shutdown()
    assert "REQUESTS_CA_BUNDLE" not in os.environ


def test_a_cache_that_cannot_be_made_is_named_with_the_variable_that_moves_it(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder() == tmp_path / "file" / "koikarper" / "jars"
    with pytest.raises(PartError, match=r"cannot be made.*XDG_CACHE_HOME"):
        class_path(lambda _: None, lock=lock)
