"""What the whole country would need: `python -m tests.benchmarks.country --measure`, later without `--measure`.

The issue says: "342 municipalities, 600,000 signals a year each tenth as bursts on one day". Read here as: each of the
342 municipalities hears 600,000 signals a year (205 million together), and a tenth of them comes as a burst on one day,
which is the same day everywhere. It can also be read as 600,000 in the whole country; that is printed beside it, and it
is the heavier one for which the country is sized.

Nothing here is guessed about the machine: times, processors and bytes of an event are measured by `unit_costs` and kept
in bench.json; how the cost grows with the record is taken from there too, when `growth` has been measured. What is
assumed about people are the options. Towns share nothing but machines (a schema, topics and a relay of each its own),
so what they need is the sum of what each needs. The prediction is checked: the drain of a backlog on this machine, and
its disk, are told before it is run.
"""

import asyncio
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from events.catalogue import RETENTION_MS
from services.agreements.loading import load
from services.agreements.topics import topics
from services.local.parts import Parts
from tests.benchmarks import lives, unit_costs
from tests.benchmarks.commands import ROOT, command
from tests.benchmarks.running import process, variables
from tests.benchmarks.unit_costs import Cost

MUNICIPALITIES, SIGNALS, BURST = 342, 600_000, 0.1
WORKING_DAYS, RETENTION_DAYS = 250, RETENTION_MS / 86_400_000
PARTITIONED_AT = 100_000_000
KEY = "unit costs"
GROWTH = "intake with 10,"
"""How the name of the figure begins that says by how much an event is dearer in a large record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What is assumed about people."""

    municipalities: int = MUNICIPALITIES
    signals: float = SIGNALS
    """Of one municipality, a year."""
    burst: float = BURST
    """The share of them that comes on one day."""
    hours: float = 8
    """Of a day in which people report and answer."""
    used: float = 0.5
    """Of what a program or a processor can do: the rest is headroom."""
    replicas: int = 3
    """Of what Kafka holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What is needed for one reading of the sentence."""

    signals: float
    peak_events: float
    """A second, on the day of the burst: its signals, and all events of an ordinary day."""
    peak_rows: float
    """Published a second, because of them."""
    ledgers: int
    relays: int
    cores: float
    """Busy at the peak: services, PostgreSQL and Kafka together."""
    partitions: int
    """So many must be read side by side, by as many workers."""
    kafka_tb: float
    database_tb_year: float
    rows_year: float
    headroom: float
    """How many times the peak these workers can do."""


def need(people: People, costs: Mapping[str, Cost], growth: float) -> Need:
    """What these people need at these costs; `growth` is how many times dearer an event is in a large record."""
    signals = people.municipalities * people.signals
    bursts, daily = signals * people.burst, signals * (1 - people.burst) / WORKING_DAYS
    seconds = people.hours * 3600
    peak = {verb: (daily + (bursts if verb == "reported" else 0)) / seconds for verb in costs}
    ledger = sum(rate * costs[verb].ledger_us for verb, rate in peak.items()) * growth / 1e6
    relay = sum(rate * costs[verb].relay_us for verb, rate in peak.items()) / 1e6
    cores = sum(rate * (costs[verb].ledger_cpu_us * growth + costs[verb].relay_cpu_us) for verb, rate in peak.items())
    ledgers, relays = math.ceil(ledger / people.used), math.ceil(relay / people.used)
    kept_days = signals * (people.burst + (1 - people.burst) * min(RETENTION_DAYS / 365, 1))
    return Need(
        signals=signals,
        peak_events=sum(peak.values()),
        peak_rows=sum(rate * costs[verb].rows for verb, rate in peak.items()),
        ledgers=ledgers,
        relays=relays,
        cores=cores / 1e6 / people.used,
        partitions=ledgers,
        kafka_tb=kept_days * sum(cost.kafka_bytes for cost in costs.values()) * people.replicas / 1e12,
        database_tb_year=signals * sum(cost.database_bytes for cost in costs.values()) / 1e12,
        rows_year=signals * len(costs),
        headroom=min(ledgers / ledger, relays / relay),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A backlog of signals on this machine: how long one ledger and one relay take, and what it adds to the disks."""

    seconds: float
    database_mb: float
    kafka_mb: float


def predict(cost: Cost, count: int, timed: int, cores: int) -> Drain:
    """Of `count` signals, the last `timed` of which are timed: both at once, until a program or all cores are busy."""
    busiest = max(cost.ledger_us, cost.relay_us, (cost.ledger_cpu_us + cost.relay_cpu_us) / cores)
    disks = {"database_mb": cost.database_bytes * count / 1e6, "kafka_mb": cost.kafka_bytes * count / 1e6}
    return Drain(seconds=timed * busiest / 1e6, **disks)


async def drain(parts: Parts, folder: Path, cost: Cost, count: int) -> tuple[Drain, Drain]:
    """What is predicted, and what then is measured."""
    async with unit_costs.place(parts, folder, "drain") as at:
        database, kafka = await at.database_bytes(), at.kafka_bytes()
        await unit_costs.publish(at.settings, (lives.reported(f"burst {number}") for number in range(count)))

        async def sent() -> int:
            """Signals of which everything is published: what the ledger read, less what waits."""
            read = "select coalesce(sum(next_offset), 0) from reading"
            waiting = "select count(distinct signal) from outbox"
            return int(await at.connection.fetchval(f"select ({read}) - ({waiting})"))

        env = variables(at.settings)
        relay_env = env | {"KOIKARPER_METRICS_PORT": "0"}
        async with process(command("run", "ledger"), env), process(command("run", "relay"), relay_env):
            warm = await unit_costs.until(sent, int(count * unit_costs.WARM))
            predicted = predict(cost, count, count - warm, os.cpu_count() or 1)
            begun = time.perf_counter()
            await unit_costs.until(sent, count)
            seconds = time.perf_counter() - begun
        disks = {
            "database_mb": (await at.database_bytes() - database) / 1e6,
            "kafka_mb": (at.kafka_bytes() - kafka) / 1e6,
        }
        return predicted, Drain(seconds=seconds, **disks)


async def measure(folder: Path, count: int, burst: int, say: Console) -> dict[str, Any]:
    """The unit costs of this machine and how well they predict it, as they are kept."""
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        costs = await unit_costs.measure(parts, folder, count, say.print)
        say.print(f"A backlog of {burst:,} signals, predicted and then drained")
        predicted, measured = await drain(parts, folder, costs["reported"], burst)
    return {
        "lives": count,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "costs": {verb: asdict(cost) for verb, cost in costs.items()},
        "check": {"signals": burst, "predicted": asdict(predicted), "measured": asdict(measured)},
    }


def main(
    measured: Annotated[bool, typer.Option("--measure", help="Measure this machine first, and check it.")] = False,
    bench: Annotated[Path, typer.Option(help="Where unit costs are kept.")] = Path("bench.json"),
    count: Annotated[int, typer.Option("--lives", help="Of which the costs are measured.")] = 8000,
    backlog: Annotated[int, typer.Option(help="Signals by which the prediction is checked.")] = 20_000,
    hours: Annotated[float, typer.Option(help="Of a day in which people report and answer.")] = 8,
    used: Annotated[float, typer.Option(help="Of what a program can do; the rest is headroom.")] = 0.5,
) -> None:
    """Print what the country needs, from measured costs."""
    say = Console(stderr=True)
    kept: dict[str, Any] = json.loads(bench.read_text()) if bench.exists() else {}
    if measured:
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)  # as root, PostgreSQL runs as another user that must reach its data
            kept[KEY] = asyncio.run(measure(Path(name), count, backlog, say))
        bench.write_text(json.dumps(kept, indent=1))
    if KEY not in kept:
        say.print(f"{bench} holds no unit costs: run it with --measure.")
        raise typer.Exit(2)
    costs = {verb: Cost(**cost) for verb, cost in kept[KEY]["costs"].items()}
    console = Console(width=140)
    console.print(_costs(costs))
    each = People(hours=hours, used=used)
    together = People(hours=hours, used=used, signals=SIGNALS / MUNICIPALITIES)
    console.print(_needs(each, together, costs, _growth(kept)))
    console.print(_check(kept[KEY]))


def _growth(kept: Mapping[str, Any]) -> float | None:
    return next((one["value"] for one in kept.get("figures", []) if one["what"].startswith(GROWTH)), None)


def _costs(costs: Mapping[str, Cost]) -> Table:
    names = ("ledger, µs", "its CPU, µs", "rows", "relay, µs", "its CPU, µs", "PostgreSQL, B", "Kafka, B")
    shown = Table("event", *names, title="What one event costs, measured", title_justify="left")
    for verb, cost in costs.items():
        shown.add_row(verb, *(f"{value:,.1f}" if value < 10 else f"{value:,.0f}" for value in asdict(cost).values()))
    return shown


def _needs(each: People, together: People, costs: Mapping[str, Cost], growth: float | None) -> Table:
    """Both readings side by side."""
    title = (
        f"The country: {MUNICIPALITIES} municipalities; busy for {each.used:.0%} at most, {each.hours:g} hours a day"
    )
    shown = Table("what", f"{SIGNALS:,} each", f"{SIGNALS:,} together", title=title, title_justify="left")
    heavy, light = (need(people, costs, growth or 1.0) for people in (each, together))
    town = sum(topic.partitions for topic in topics(load(ROOT / "deploy" / "agreements.yaml")))
    rows: list[tuple[str, str, str, str]] = [
        ("signals a year", "signals", "{:,.0f}", ""),
        ("events a second, on the day of the burst", "peak_events", "{:,.1f}", ""),
        ("published a second, then", "peak_rows", "{:,.1f}", ""),
        ("ledger workers", "ledgers", "{:,}", ""),
        ("relays at work", "relays", "{:,}", "; each town has its own, mostly idle"),
        ("partitions that must be read side by side", "partitions", "{:,}", ""),
        ("processor cores, of this machine's", "cores", "{:,.1f}", ""),
        ("Kafka's disks", "kafka_tb", "{:,.2f} TB", f", {RETENTION_DAYS:.0f} days on {each.replicas} brokers"),
        ("PostgreSQL's disk, a year", "database_tb_year", "{:,.2f} TB", " a copy"),
        ("rows of the record, a year", "rows_year", "{:,.0f}", ""),
        ("headroom at the peak", "headroom", "{:.1f} times", ""),
    ]
    for what, name, form, more in rows:
        shown.add_row(what, *(form.format(getattr(one, name)) + more for one in (heavy, light)))
    partitions = f"{town * MUNICIPALITIES:,} ({town} a town as in deploy/agreements.yaml), {each.replicas} copies"
    shown.add_row("partitions that there are", partitions, partitions)
    years = [PARTITIONED_AT / (one.rows_year / MUNICIPALITIES) for one in (heavy, light)]
    shown.add_row("a town's record has 100 million rows after", *(f"{value:,.0f} years" for value in years))
    dearer = f"{growth:.2f} times" if growth else "not measured here, left out"
    shown.add_row("an event in a large record is dearer", dearer, dearer)
    return shown


def _check(kept: Mapping[str, Any]) -> Table:
    check = kept["check"]
    title = (
        f"The prediction checked: {check['signals']:,} signals on {kept['cores']} cores (load {kept['load'][0]:.1f})"
    )
    shown = Table("what", "predicted", "measured", "error", title=title, title_justify="left")
    for name, unit in (("seconds", "s"), ("database_mb", "MB"), ("kafka_mb", "MB")):
        predicted, measured = check["predicted"][name], check["measured"][name]
        error = (predicted - measured) / measured
        shown.add_row(name.partition("_")[0], f"{predicted:,.1f} {unit}", f"{measured:,.1f} {unit}", f"{error:+.0%}")
    return shown


if __name__ == "__main__":
    typer.run(main)
