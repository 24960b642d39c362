"""Logs are one JSON line each, hold no secrets, and tell who did what in BIO2's words."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from services.runtime.logging import audit, audit_all, audited, configure
from services.runtime.settings import Settings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def lines(capture: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capture.readouterr().err.splitlines()]


def test_what_people_do_is_logged_with_the_fields_of_bio2(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    audit("resolve", "assignment 123", "done", origin="10.0.0.7", actor="department:permits")
    (line,) = lines(capsys)
    assert {name: line[name] for name in ("action", "object", "result", "origin", "actor")} == {
        "action": "resolve",
        "object": "assignment 123",
        "result": "done",
        "origin": "10.0.0.7",
        "actor": "department:permits",
    }
    assert str(line["timestamp"]).endswith("Z")


def test_several_things_that_people_did_are_a_line_each_in_order_and_of_one_moment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(Settings())
    audit_all(
        audited("emit", f"signal {nr}", "done", origin="10.0.0.7", actor="team:noord", event_id='a "b"\n\u00e9')
        for nr in range(3)
    )
    audit("emit", "signal 3", "done", origin="10.0.0.7", actor="team:noord")
    found = lines(capsys)
    assert [line["object"] for line in found] == ["signal 0", "signal 1", "signal 2", "signal 3"]
    assert len({str(line["timestamp"]) for line in found[:3]}) == 1
    assert found[0]["event_id"] == 'a "b"\n\u00e9'


def test_every_line_has_the_same_fields_in_the_same_order(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    audit("emit", "signal 1", "done", origin="::1", actor="team:noord", source="urn:noord")
    audit("emit", "signal 1", "done", origin="::1", actor="team:noord", source="https://noord")
    quick, looked_at = lines(capsys)
    assert list(quick) == list(looked_at)
    structlog.stdlib.get_logger("koikarper.audit").info("emit", action="emit", object="signal 1")
    (library,) = lines(capsys)
    assert [name for name in quick if name in library] == list(library)


def test_secrets_are_redacted_in_the_audit_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    token = "eyJhbGciOiJFUzI1NiJ9.eyJ0ZWFtIjoibm9vcmQifQ.c2lnbmF0dXJl"
    audit("call", f"GET {token}", "refused", origin="::1", actor="unknown", source="ftp://koi:hunter2@noord")
    audit("call", "GET", "refused", origin="::1", actor="unknown", password="hunter2", why={"token": "hunter2"})
    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert token not in text


def test_the_audit_log_of_a_terminal_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="console"))
    audit("resolve", "assignment 123", "done", origin="10.0.0.7", actor="department:permits")
    text = capsys.readouterr().err
    assert "resolve" in text
    assert "actor=department:permits" in text


def test_secrets_are_redacted_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    token = "eyJhbGciOiJFUzI1NiJ9.eyJ0ZWFtIjoibm9vcmQifQ.c2lnbmF0dXJl"
    log = structlog.stdlib.get_logger("t")
    log.info(
        "connecting to postgresql://app:hunter2@db with Bearer %s",
        token,
        kafka_password="hunter2",
        secret=SecretStr("hunter2"),
        headers={"Authorization": f"Bearer {token}", "ok": "seen"},
        urls=["postgresql://app:hunter2@db/k"],
    )
    logging.getLogger("stdlib").warning("token %s", token)
    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert token not in text
    assert "seen" in text


def test_a_traceback_is_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    try:
        int("postgresql://app:hunter2@db")
    except ValueError:
        logging.getLogger("t").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError" in str(line["exception"])
    assert "hunter2" not in str(line)


def test_libraries_speak_from_warning_on_and_in_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_level="debug"))
    for name in ("aiokafka.consumer", "faststream", "uvicorn.error"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("%s matters", name)
    assert [line["message"] for line in lines(capsys)] == [
        "aiokafka.consumer matters",
        "faststream matters",
        "uvicorn.error matters",
    ]


def test_a_terminal_gets_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="console"))
    logging.getLogger("services").info("started")
    assert "started" in capsys.readouterr().err
