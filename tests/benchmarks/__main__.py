"""`make bench`: the figures that the first circuit must reach, measured as a user starts it."""

import asyncio
import os
import statistics
import tempfile
from pathlib import Path

import typer
from rich.console import Console

from tests.benchmarks import snapshot
from tests.benchmarks.commands import ROOT, first_acknowledged_seconds, local, replay_seconds
from tests.benchmarks.figures import Figure, percentile, show
from tests.benchmarks.latency import latencies_ms
from tests.benchmarks.memory import resident_mb
from tests.benchmarks.snapshot import COUNTS, GOAL_COUNT

ROUNDS, QUICK_ROUNDS = 3, 1
LOG = Path(os.environ.get("KOIKARPER_DATA", ROOT.parent / "shared" / "data")) / "receipt.csv.gz"


def main(quick: bool = typer.Option(False, help="One round of each."), output: Path = Path("bench.json")) -> None:
    """Measure, print the table, and write it as JSON."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    console = Console(stderr=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        console.print("The demo, until the first assignment is acknowledged")
        first = [first_acknowledged_seconds(folder / f"demo{number}") for number in range(rounds)]
        figures.append(Figure("demo: first acknowledgement", statistics.median(first), 20, "s", _spread(first)))
        console.print("One signal, gateway to department topic, at 50 signals/s; memory when idle")
        figures += _machine(folder / "local", rounds)
        console.print("The replay of the receipt log")
        taken = [replay_seconds(folder / f"replay{number}", LOG)[0] for number in range(rounds)]
        figures.append(Figure("replay of 1,434 cases", statistics.median(taken), 30, "s", _spread(taken)))
        console.print("The exporter's snapshot where very many wait")
        figures += asyncio.run(snapshot.figures(folder / "snapshot", (GOAL_COUNT,) if quick else COUNTS))
    show(figures, output)


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
