"""A department at the terminal, on a real machine: its inbox, what arrives for it, and its answers."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.local import keys

ROOT = Path(__file__).parents[2]
UNKNOWN = "083f6a3f-eaff-53c8-b0a1-f4c90fc9dad4"


def command(machine, *arguments):
    """A command as the shell gives it, but in this process: a process of its own takes two seconds to begin."""
    return CliRunner().invoke(build(), [*arguments, f"--data-folder={machine.folder}"])


def emit(machine, title):
    """A signal for permits, recorded."""
    done = command(
        machine,
        *("emit", "initiative-blocked", "--team", "noord", "--neighbourhood", "WK999901", "--title", title),
        *("initiative=A pond with koi", "blockedBy=permit", "--json"),
    )
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["signal"]


def items(machine, *options):
    done = command(machine, "inbox", "permits", "--json", *options)
    assert done.exit_code == 0, done.stderr
    return {item["title"]: item for item in json.loads(done.stdout)["items"]}


def answered(machine, *arguments):
    done = command(machine, *arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def refused(machine, *arguments):
    """The exit code, the problem that a program reads, and the sentence that people read."""
    done = command(machine, *arguments, "--json")
    return done.exit_code, json.loads(done.stdout), done.stderr


@pytest.fixture
def following(tmp_path):
    """`koikarper inbox permits --follow`, running."""
    running = []

    def start(machine, *options):
        command = [sys.executable, "-m", "services.cli", "inbox", "permits", "--follow", *options]
        environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
        running.append(
            subprocess.Popen(
                [*command, f"--data-folder={machine.folder}"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def test_a_department_sees_its_inbox_answers_and_is_told_at_once_what_cannot_be(start, wait_until):
    machine = start()
    for title in ("Koi one", "Koi two", "Koi three"):
        emit(machine, title)
    assert wait_until(lambda: len(items(machine)) == 3)
    inbox = items(machine)
    assert {item["state"] for item in inbox.values()} == {"waiting"}
    one, two, three = (inbox[title]["id"] for title in ("Koi one", "Koi two", "Koi three"))

    table = answered(machine, "inbox", "permits")
    assert all(text in table for item in inbox.values() for text in (item["id"], item["title"], item["kind"]))

    assert answered(machine, "acknowledge", one).startswith("Acknowledged, by medewerker of permits: event ")
    assert items(machine)["Koi one"]["state"] == "acknowledged"
    until = datetime.now(UTC) + timedelta(minutes=3)
    assert answered(machine, "extend", one, "--until", until.isoformat(), "--reason", "De vijver wordt gemeten")
    solution = (
        "--rule-code",
        "APV 2:10",
        "--justification",
        "Stoort niemand",
        "--feature",
        "vijver",
        "--feature",
        "koi",
    )
    assert answered(machine, "resolve", one, "--explanation", "Het mag", "--by", "afdelingshoofd", *solution)
    assert answered(machine, "hand-over", two, "--to", "public-space", "--reason", "Openbare ruimte")
    assert set(items(machine)) == {"Koi three"}
    every = items(machine, "--all")
    assert {title: item["state"] for title, item in every.items()} == {
        "Koi one": "resolved",
        "Koi two": "handed-over",
        "Koi three": "waiting",
    }
    assert every["Koi one"]["customSolution"]["features"] == ["vijver", "koi"]
    assert every["Koi one"]["extensions"] == 1

    code, problem, sentence = refused(machine, "acknowledge", two)
    assert (code, problem["code"]) == (1, "already-handed-over")
    assert "public-space" in sentence
    code, problem, _ = refused(machine, "extend", three, "--until", "2020-01-01", "--reason", "Te laat")
    assert (code, problem["status"], problem["code"]) == (1, 409, "date-in-the-past")
    code, problem, sentence = refused(machine, "resolve", three, "--explanation", "Bel 06 12345678")
    assert (code, problem["status"]) == (2, 400)
    assert "explanation: contains a phone number" in sentence
    assert refused(machine, "acknowledge", UNKNOWN)[0] == 1
    stranger = keys.token(machine.folder, "department:public-space")
    code, problem, _ = refused(machine, "acknowledge", three, f"--token={stranger}")
    assert (code, problem["status"]) == (1, 404)  # another department's assignment is not even shown

    key = ("resolve", three, "--explanation", "Het mag", "--key", "besluit-7", "--json")
    first, again = (json.loads(answered(machine, *key)) for _ in range(2))
    assert first["accepted"] == again["accepted"]
    assert items(machine) == {}
    assert "Nothing is open for permits." in answered(machine, "inbox", "permits")


def test_who_follows_sees_the_table_and_then_what_arrives(start, following, wait_until):
    machine = start()
    emit(machine, "Koi one")
    assert wait_until(lambda: items(machine))
    people, programs = following(machine), following(machine, "--json")
    assert [item["title"] for item in json.loads(programs.stdout.readline())["items"]] == ["Koi one"]
    while "Koi one" not in (line := people.stdout.readline()):
        assert line
    signal_id = emit(machine, "Koi two")
    while " assigned " not in (line := people.stdout.readline()):
        assert line
    assert "“Koi two” (initiative-blocked), acknowledge by" in line
    arrived = json.loads(programs.stdout.readline())
    assert arrived["event"]["data"]["signal"] == signal_id
    for process in (people, programs):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
