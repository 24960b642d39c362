"""What was measured of the growth, as a table and as a picture."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

GOAL = 1.25
"""The most that an event may cost at the largest size, of the cost at the smallest."""
TABLES = ("record", "identity", "signal", "assignment", "seal")


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured at one size; a cost for each round."""

    recorded: int
    fill_seconds: float
    bytes_each: dict[str, float]
    """Of each table with its indexes, in bytes for each recorded event."""
    costs_us: list[float] = field(default_factory=list)
    """Microseconds for each event, from handing a batch over until it is committed."""
    cpu_us: list[float] = field(default_factory=list)
    """Of them, those in which this process or PostgreSQL's computed: hardly disturbed by what else the machine does."""
    wal_bytes: list[float] = field(default_factory=list)
    """Written to PostgreSQL's log for each event."""

    @property
    def cost_us(self) -> float:
        """Microseconds for an event, the median of the rounds."""
        return statistics.median(self.costs_us)


def ratios(own: Sequence[float], first: Sequence[float]) -> list[float]:
    """Of each round: what disturbs a round disturbs both."""
    return [one / other for one, other in zip(own, first, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Their median, the least and the most."""
    middle, least, most = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def table(sizes: Sequence[Size]) -> Table:
    """What was measured, a row for each size."""
    shown = Table(
        "recorded",
        "µs an event",
        "of the first",
        "CPU of the first",
        "log, kB an event",
        *(f"{name}, B" for name in TABLES),
        "filled in",
    )
    for size in sizes:
        shown.add_row(
            f"{size.recorded:,}",
            spread(size.costs_us, 0),
            spread(ratios(size.costs_us, sizes[0].costs_us)),
            spread(ratios(size.cpu_us, sizes[0].cpu_us)),
            f"{statistics.median(size.wal_bytes) / 1000:.1f}",
            *(f"{size.bytes_each[name]:.0f}" for name in TABLES),
            f"{size.fill_seconds:.0f} s",
        )
    return shown


def draw(sizes: Sequence[Size], file: Path) -> None:
    """A picture of the growth: cost and bytes by what is recorded."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - slow to import, and only wanted here

    figure, (cost, log) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    recorded = [size.recorded for size in sizes]
    bars = [
        [size.cost_us - min(size.costs_us) for size in sizes],
        [max(size.costs_us) - size.cost_us for size in sizes],
    ]
    cost.errorbar(
        recorded,
        [size.cost_us for size in sizes],
        yerr=bars,
        marker="o",
        capsize=4,
        label="measured, median and spread",
    )
    cost.axhline(sizes[0].cost_us * GOAL, linestyle="--", color="tab:red", label=f"{GOAL} times the smallest")
    cost.set(title="Intake of one event", ylabel="µs", xscale="log", xlabel="recorded events", ylim=(0, None))
    cost.legend()
    log.plot(
        recorded,
        [statistics.median(size.wal_bytes) / 1000 for size in sizes],
        marker="o",
        label="written to the log (WAL)",
    )
    log.plot(
        recorded,
        [sum(size.bytes_each.values()) / 1000 for size in sizes],
        marker="s",
        label="kept in tables and indexes",
    )
    log.set(title="PostgreSQL, for each event", ylabel="kB", xscale="log", xlabel="recorded events", ylim=(0, None))
    log.legend()
    figure.savefig(file, dpi=120)
    plt.close(figure)
