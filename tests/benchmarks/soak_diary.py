"""What a soak writes down: a line a minute, and at the end what rose, and whether everything was told."""

import asyncio
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import percentile
from tests.benchmarks.loop_people import People
from tests.benchmarks.loop_town import KIND
from tests.benchmarks.trends import trend
from tests.benchmarks.visitor import Visitor
from tests.benchmarks.vitals import KAFKA, PROCESSES, SERVICES, Memory, Stores, Vitals, folder_bytes, free_bytes, own_mb

MINUTE_SECONDS = 60.0
WARM_SECONDS = 60.0
"""Of the steady time; a tenth of a shorter one."""
NEARLY_SECONDS = 2.0
"""A look that comes so much before its minute is full still tells it."""
WIDTH = 170
_STATES = "select state, count(*) from signal where kind = $1 group by state"
_DEAD = "select reason, count(*) from dead_letter group by reason"
_HEAD = (
    f"{'minute':>6} {'sent/s':>7} {'closed/s':>8} {'p50 ms':>7} {'p99 ms':>7} │ {'services':>8} {'Kafka':>6} "
    f"{'PostgreSQL':>10} MB │ {'files':>5} {'conn.':>5} │ {'outbox':>6} {'lag':>6} {'under way':>9} │ "
    f"{'database':>8} MB"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    seconds: float  # since the steady rate began
    memory: dict[str, Memory]
    stores: Stores
    sent: int
    closed: int
    under_way: int
    delays: int
    p50_ms: float
    p99_ms: float
    own_mb: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended."""

    all_told: bool
    found: dict[str, Any]


class Diary:
    """Samples in memory, lines on the terminal, JSON in `output`."""

    def __init__(self, folder: Path, output: Path | None, seconds: float) -> None:
        self._folder = folder
        self._output = output
        self._warm = min(WARM_SECONDS, seconds / 10)
        self._console = Console(width=WIDTH, highlight=False)
        self._begun = self._wall = time.monotonic()
        self._disk = free_bytes(folder)
        self.highest = self._rate = 0.0
        self._samples: list[Sample] = []
        self._minutes: list[tuple[float, int, int, list[float]]] = []

    def open(self, people: People, vitals: Vitals, visitor: Visitor) -> None:
        """Whom it looks at."""
        self._people, self._vitals, self._visitor = people, vitals, visitor

    def say(self, line: str) -> None:
        """One line, with the time since the start."""
        self._console.print(f"[{time.monotonic() - self._wall:6.0f} s] {line}", style="dim", markup=False)

    def begin(self, rate: float) -> None:
        """The steady rate begins."""
        self._rate = rate
        found = f"Highest rate of the whole loop {self.highest:,.0f} signals/s; from" if self.highest else "From"
        self.say(
            f"{found} now {rate:,.0f}/s, with poison; load {os.getloadavg()[0]:.1f}; disk "
            f"{free_bytes(self._folder) / 1e9:.1f} GB free. Delays: from sending to the department's topic"
        )
        self._console.print(_HEAD, style="bold")
        self._begun = time.monotonic()
        self._people.to_department_ms.clear()
        self._note_minute([])

    async def sample(self) -> None:
        """Look, and tell a line when a minute is full."""
        memory = await asyncio.to_thread(self._vitals.memory)
        stores = await self._vitals.stores()
        delays, self._people.to_department_ms = self._people.to_department_ms, []
        self._minutes[-1][3].extend(delays)
        self._samples.append(
            Sample(
                seconds=time.monotonic() - self._begun,
                memory=memory,
                stores=stores,
                sent=self._people.sent,
                closed=self._people.closed,
                under_way=len(self._people.under_way),
                delays=len(delays),
                p50_ms=percentile(delays, 0.5) if delays else 0.0,
                p99_ms=percentile(delays, 0.99) if delays else 0.0,
                own_mb=own_mb(),
            )
        )
        if self._samples[-1].seconds >= self._minutes[-1][0] + MINUTE_SECONDS - NEARLY_SECONDS:
            self._tell_minute(self._samples[-1])

    async def nothing_waits(self) -> bool:
        """Whether every reader has read all, and the outbox is empty."""
        stores = await self._vitals.stores()
        return not (stores.outbox or stores.ledger_lag or stores.department_lag or stores.team_lag)

    async def ending(self, why: str) -> Ending:
        """Tell what rose, and whether all was told."""
        if why:
            self.say(f"Ended early: {why}")
        try:
            told = await self._told()
        except Exception as error:  # noqa: BLE001 - the machine may be gone; the samples are there
            told = {"all_told": False, "error": f"{type(error).__name__}: {error}"}
        found = {"why": why, **told, "trends": self._trends()}
        self._write(found)
        self._console.print_json(json.dumps(told)) if "error" in told else self._console.print(_sentence(told))
        return Ending(bool(told["all_told"]), found)

    async def _told(self) -> dict[str, Any]:
        database = self._vitals.database
        states = {row[0]: row[1] for row in await database.fetch(_STATES, KIND)}
        dead = {row[0]: row[1] for row in await database.fetch(_DEAD)}
        stores = await self._vitals.stores()
        sent = self._people.sent + self._visitor.sent
        waits = stores.outbox + stores.ledger_lag + stores.department_lag + stores.team_lag
        poison = self._people.poisons.total
        return {
            "all_told": not waits and states == {"closed": sent} and sum(dead.values()) == poison,
            "sent": sent,
            "by_gateway": self._visitor.sent,
            "gateway_failures": self._visitor.failed,
            "signals_by_state": states,
            "poison": poison,
            "poison_by_sort": self._people.poisons.made,
            "dead_letters": dead,
            "stores": asdict(stores),
            "held_back_seconds": self._people.held_back_seconds,
            "data_bytes": folder_bytes(self._folder),
            "disk_bytes_taken": self._disk - free_bytes(self._folder),
        }

    def _trends(self) -> dict[str, Any]:
        warm = [sample for sample in self._samples if sample.seconds >= self._warm]
        if len(warm) < 4:
            self.say("Too short for a trend")
            return {}
        moments = [sample.seconds for sample in warm]
        series = {f"{name}, MB": [one.memory[name].megabytes for one in warm] for name in PROCESSES}
        series |= {f"{name}, open files": [float(one.memory[name].descriptors) for one in warm] for name in PROCESSES}
        series["database connections"] = [float(one.stores.connections) for one in warm]
        series["outbox, rows"] = [float(one.stores.outbox) for one in warm]
        series["unread by the ledger"] = [float(one.stores.ledger_lag) for one in warm]
        series["this program, MB"] = [one.own_mb for one in warm]
        trends = {name: trend(moments, values) for name, values in series.items()}
        part = next(iter(trends.values())).part_seconds
        self._console.print(self._table(trends, part, moments))
        return {name: asdict(one) | {"rise": one.rise} for name, one in trends.items()}

    def _table(self, trends: dict[str, Any], part: float, moments: list[float]) -> Table:
        title = (
            f"{(moments[-1] - moments[0]) / MINUTE_SECONDS:.1f} minutes at {self._rate:,.0f} signals/s, after "
            f"{self._warm:.0f} s of warm-up; {len(moments)} samples"
        )
        table = Table("what", f"first {part / 60:.1f} min", f"last {part / 60:.1f} min", "rise", "most", "rise an hour")
        table.title, table.title_justify = title, "left"
        for name, one in trends.items():
            shape = "{:,.1f}" if name.endswith("MB") else "{:,.0f}"
            values = [shape.format(value) for value in (one.first, one.last, one.rise, one.most)]
            table.add_row(name, *values, f"{one.per_hour:+,.1f}")
        return table

    def _note_minute(self, delays: list[float]) -> None:
        seconds = time.monotonic() - self._begun
        self._minutes.append((seconds, self._people.sent, self._people.closed, delays))

    def _tell_minute(self, last: Sample) -> None:
        since, sent, closed, delays = self._minutes[-1]
        lasted = last.seconds - since
        memory, stores = last.memory, last.stores
        lag = stores.ledger_lag + stores.department_lag + stores.team_lag
        p50, p99 = (percentile(delays, share) if delays else 0.0 for share in (0.5, 0.99))
        self._console.print(
            f"{last.seconds / MINUTE_SECONDS:6.1f} {(last.sent - sent) / lasted:7.0f} "
            f"{(last.closed - closed) / lasted:8.0f} {p50:7.0f} {p99:7.0f} │ {memory[SERVICES].megabytes:8.1f} "
            f"{memory[KAFKA].megabytes:6.0f} {memory[PROCESSES[2]].megabytes:10.0f}    │ "
            f"{memory[SERVICES].descriptors:5} {stores.connections:5} │ {stores.outbox:6} {lag:6} "
            f"{last.under_way:9} │ {stores.database_mb:8.0f}"
        )
        self._note_minute([])
        self._write({})

    def _write(self, ending: dict[str, Any]) -> None:
        if self._output is None:
            return
        found = {
            "highest_per_second": self.highest,
            "rate_per_second": self._rate,
            "warm_seconds": self._warm,
            **ending,
            "samples": [asdict(sample) for sample in self._samples],
        }
        draft = self._output.with_suffix(".part")
        draft.write_text(json.dumps(found, indent=1))
        draft.replace(self._output)


def _sentence(told: dict[str, Any]) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in told["signals_by_state"].items())
    stores = told["stores"]
    return (
        f"Everything was told: {'yes' if told['all_told'] else 'NO'}. Sent {told['sent']:,} signals "
        f"({told['by_gateway']:,} by the gateway; failed calls: {told['gateway_failures'] or 'none'}): {states}; "
        f"{told['poison']:,} poison, {sum(told['dead_letters'].values()):,} dead letters. Outbox {stores['outbox']}, "
        f"unread by the ledger {stores['ledger_lag']}, departments {stores['department_lag']}, teams "
        f"{stores['team_lag']}; the senders were held back {told['held_back_seconds']:.0f} s. Data "
        f"{told['data_bytes'] / 1e9:.2f} GB ({told['data_bytes'] / max(told['sent'], 1) / 1e3:.1f} kB a signal); the "
        f"disk lost {told['disk_bytes_taken'] / 1e9:.2f} GB meanwhile."
    )
