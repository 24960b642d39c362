"""`make bench`: the figures that are asked for, measured as a user starts it; name groups to measure only those."""

import asyncio
import os
import statistics
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from tests.benchmarks import (
    gateway,
    growth,
    intake,
    kit,
    latency,
    poison,
    reads,
    relay,
    snapshot,
    start,
    timekeeper,
    whole,
)
from tests.benchmarks.commands import ROOT, first_acknowledged_seconds, local, replay_seconds
from tests.benchmarks.figures import Figure, Ratio, percentile, show
from tests.benchmarks.latency import latencies_ms
from tests.benchmarks.memory import resident_mb
from tests.benchmarks.snapshot import COUNTS, GOAL_COUNT

Compared = Callable[..., Coroutine[Any, Any, list[Ratio]]]
Measured = Callable[..., Coroutine[Any, Any, list[Figure]]]

ROUNDS, QUICK_ROUNDS = 5, 1
LOG = Path(os.environ.get("KOIKARPER_DATA", ROOT.parent / "shared" / "data")) / "receipt.csv.gz"


class Group(StrEnum):
    """What is measured together."""

    CIRCUIT = "circuit"
    SNAPSHOT = "snapshot"
    INTAKE = "intake"
    RELAY = "relay"
    KIT = "kit"
    WHOLE = "whole"
    LATENCY = "latency"
    GROWTH = "growth"
    POISON = "poison"
    GATEWAY = "gateway"
    TIMEKEEPER = "timekeeper"
    READS = "reads"
    START = "start"


BESIDE: Sequence[tuple[Group, str, Compared]] = (
    (Group.RELAY, "The relay, beside a bare producer", relay.ratios),
    (Group.KIT, "A department's kit, beside a bare consumer", kit.ratios),
    (Group.WHOLE, "The whole circuit in one process, beside the ledger alone", whole.ratios),
    (Group.GATEWAY, "The gateway, beside a bare route", gateway.ratios),
    (Group.TIMEKEEPER, "The timekeeper where very many moments are due, beside its bare SQL", timekeeper.ratios),
)
ALONE: Sequence[tuple[Group, str, Measured]] = (
    (Group.LATENCY, "One signal, team topic to department topic, at a steady rate", latency.figures),
    (Group.POISON, "Good signals while one record in twenty is poison", poison.figures),
    (Group.READS, "The lists of a town with a million assignments", reads.figures),
    (Group.START, "How long services need to start, their memory, what an event leaves on disk", start.figures),
)


def main(
    groups: Annotated[list[Group] | None, typer.Argument(help="What to measure; all when none is named.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One round of each, with fewer events: a look.")] = False,
    rounds: Annotated[int, typer.Option(min=0, help=f"How often; 0: {ROUNDS}, or {QUICK_ROUNDS} with --quick.")] = 0,
    output: Path = Path("bench.json"),
) -> None:
    """Measure, print the table, and write it as JSON."""
    wanted = groups or list(Group)
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    console = Console(stderr=True)
    figures: list[Figure] = []
    ratios: list[Ratio] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL runs as another user that must reach its data
        if Group.CIRCUIT in wanted:
            figures += _circuit(folder, rounds, console)
        if Group.SNAPSHOT in wanted:
            console.print("The exporter's snapshot where very many wait")
            figures += asyncio.run(snapshot.figures(folder / "snapshot", (GOAL_COUNT,) if quick else COUNTS))
        if Group.INTAKE in wanted:
            console.print("The ledger's intake, beside a hand-written loop and its bare SQL")
            ratios += uvloop.run(intake.ratios(folder / "intake", rounds, quick=quick))
        for group, what, compared in BESIDE:
            if group in wanted:
                console.print(what)
                ratios += uvloop.run(compared(folder / group.value, rounds, quick=quick))
        if Group.GROWTH in wanted:
            console.print("The intake where much is recorded already" + ("" if quick else ": ten million events"))
            plot = output.with_name("growth.png")
            figures += asyncio.run(growth.figures(folder / "growth", rounds, quick=quick, plot=plot))
        for group, what, alone in ALONE:
            if group in wanted:
                console.print(what)
                figures += uvloop.run(alone(folder / group.value, rounds, quick=quick))
    show(figures, ratios, output)


def _circuit(folder: Path, rounds: int, console: Console) -> list[Figure]:
    console.print("The demo, until the first assignment is acknowledged")
    first = [first_acknowledged_seconds(folder / f"demo{number}") for number in range(rounds)]
    console.print("One signal, gateway to department topic, at 50 signals/s; memory when idle")
    machine = _machine(folder / "local", rounds)
    console.print("The replay of the receipt log")
    taken = [replay_seconds(folder / f"replay{number}", LOG)[0] for number in range(rounds)]
    return [
        Figure("demo: first acknowledgement", statistics.median(first), 20, "s", _spread(first)),
        *machine,
        Figure("replay of 1,434 cases", statistics.median(taken), 30, "s", _spread(taken)),
    ]


def _machine(folder: Path, rounds: int) -> list[Figure]:
    with local(folder) as (_, process):
        services, kafka = resident_mb(process)
        measured = [asyncio.run(latencies_ms(folder, 50, 20)) for _ in range(rounds)]
    p95 = [percentile(values, 0.95) for values in measured]
    p50 = statistics.median(percentile(values, 0.5) for values in measured)
    return [
        Figure(
            "gateway to department topic, p95", statistics.median(p95), 60, "ms", f"p50 {p50:.1f} ms; {_spread(p95)}"
        ),
        Figure("memory of all services", services, 250, "MB", "idle, one process"),
        Figure("memory of Kafka", kafka, 400, "MB", "idle"),
    ]


def _spread(values: list[float]) -> str:
    return f"{len(values)} rounds, {min(values):.1f} to {max(values):.1f}"


typer.run(main)
