"""Seed after seed, on one arena (and one of three brokers when a seed asks for it), with figures at the end."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults import plan
from tests.faults.arena import Arena, Single, Three
from tests.faults.report import tell
from tests.faults.run import UNREACHABLE_SECONDS, Result, Run

CANDIDATES = 400
"""Fresh seeds to choose from, so that a few runs show every kind of fault."""
FRESH_MAX = 10**9
RUNS_PER_ARENA = 40
"""Then the broker is made anew: what deleted topics leave behind slows its start."""


def to_standard_output(what: str) -> None:
    """One line, seen at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class Lane:
    """One seed after another; each lane has arenas of its own, for a seed may kill what is in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arenas: dict[str, tuple[Arena, int]] = {}
        self._made = 0

    async def arena(self, kind: plan.Arena) -> Arena:
        """The one of this kind, made anew from time to time."""
        arena, runs = self._arenas.get(kind, (None, 0))
        if arena is not None and runs >= RUNS_PER_ARENA:
            await arena.__aexit__()
            arena = None
        if arena is None:
            self._made += 1
            folder = self._folder / f"{kind}-{self._made}"
            folder.mkdir(parents=True)
            arena, runs = (Single(folder) if kind == "single" else Three(folder)), 0
            await arena.__aenter__()
        self._arenas[kind] = (arena, runs + 1)
        return arena

    async def close(self) -> None:
        """End what runs."""
        for arena, _ in self._arenas.values():
            await arena.__aexit__()


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    seeds: int = 10
    """How many fresh ones; nothing when `seed` names some."""
    every: bool = False
    """No further seed is begun once every kind of fault was in one."""
    minutes: float = 60
    """No further seed is begun after so many."""
    jobs: int = 1
    seed: Sequence[int] | None = None
    fault: Sequence[str] | None = None
    """The kinds that every run has; None: what each seed says."""
    broken: str | None = None
    poison: float | None = None
    unreachable: float = UNREACHABLE_SECONDS
    folder: Path | None = None
    json: Path | None = None


class Suite:
    """Runs what the options ask for; `say` is told line by line."""

    def __init__(self, options: Options, say: Callable[[str], None] = to_standard_output) -> None:
        self._say = say
        self._options = options
        self._folder = Path(options.folder or tempfile.mkdtemp(prefix="koikarper-faults-"))
        self._wanted = deque[int | None](options.seed or [])
        self._wanted.extend([None] * (0 if options.seed else options.seeds))
        self._begun = time.monotonic()
        self.results: list[Result] = []
        self._migrating = asyncio.Lock()
        self.shown: frozenset[str] = frozenset()
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a broker is away is no news here

    async def run(self) -> int:
        """All seeds; 1 when one of them has an anomaly."""
        self._say(f"Logs and histories: {self._folder}")
        async with asyncio.TaskGroup() as lanes:
            for number in range(self._options.jobs):
                lanes.create_task(self._lane(Lane(self._folder / f"lane-{number}")))
        self._say(figures(self.results))
        self._write({"figures": _counted(self.results)})
        return 1 if any(result.anomalies for result in self.results) else 0

    async def _lane(self, lane: Lane) -> None:
        try:
            while self._wanted and self._goes_on():
                seed = self._wanted.popleft()
                await self._one(self._fresh() if seed is None else seed, lane)
        finally:
            await lane.close()

    def _goes_on(self) -> bool:
        in_time = time.monotonic() - self._begun < self._options.minutes * 60
        return in_time and not (self._options.every and self.shown == frozenset(plan.FAULTS))

    def _fresh(self) -> int:
        """A seed that nobody chose, save that the first ones show every kind of fault."""
        lot = random.SystemRandom()
        missing = frozenset(plan.FAULTS) - self.shown
        seed = plan.covering([lot.randrange(FRESH_MAX) for _ in range(CANDIDATES)], missing)
        self.shown |= plan.draw(seed).kinds
        return seed

    async def _one(self, seed: int, lane: Lane) -> None:
        drawn = plan.draw(seed, self._options.fault or ())
        if self._options.poison is not None:
            drawn = replace(drawn, poison=self._options.poison)
        folder = self._folder / f"seed-{seed}"
        run = Run(drawn, await lane.arena(drawn.arena), folder, self._migrating, build=self._options.broken or "")
        run.unreachable_seconds = self._options.unreachable
        try:
            result = await run.execute()
        except Exception as error:  # noqa: BLE001 - a run that did not come to its end is no good run, and ends no other
            result = run.failed(error)
        self.results.append(result)
        self._say(line(result))
        if result.anomalies:
            self._say(tell(run, result, folder / "anomalies.txt"))
        else:
            shutil.rmtree(folder, ignore_errors=True)
        self._write(asdict(result))

    def _write(self, what: object) -> None:
        if self._options.json is None:
            return
        with self._options.json.open("a") as file:
            file.write(json.dumps(what, default=str) + "\n")


def line(result: Result) -> str:
    """A seed in one line."""
    verdict = f"{len(result.anomalies)} ANOMALIES" if result.anomalies else "ok"
    return (
        f"seed {result.seed}: {verdict}; {result.events} events, {result.repeats} repeats absorbed, "
        f"{result.letters} dead letters, {result.deaths} deaths, {result.seconds} s; {', '.join(result.faults)}"
    )


def figures(results: list[Result]) -> str:
    """All seeds together."""
    counted = _counted(results)
    kinds = "\n".join(f"  {kind}: {times}" for kind, times in sorted(counted["faults"].items()))
    return (
        f"{counted['seeds']} seeds, {counted['events']} events, {counted['repeats']} repeats absorbed, "
        f"{counted['letters']} dead letters, {counted['deaths']} deaths of services, "
        f"{counted['anomalies']} anomalies; faults by kind:\n{kinds}"
    )


def _counted(results: list[Result]) -> dict[str, Any]:
    return {
        "seeds": len(results),
        "events": sum(result.events for result in results),
        "repeats": sum(result.repeats for result in results),
        "letters": sum(result.letters for result in results),
        "deaths": sum(result.deaths for result in results),
        "anomalies": sum(len(result.anomalies) for result in results),
        "faults": dict(Counter(kind for result in results for kind in result.faults)),
        "sprung": dict(sum((Counter(result.sprung) for result in results), Counter[str]())),
    }
