"""Seed after seed, on one arena (and one of three brokers when a seed asks for it), with figures at the end."""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.faults import plan
from tests.faults.arena import Arena, Single, Three
from tests.faults.report import tell
from tests.faults.run import Result, Run

CANDIDATES = 40
"""Fresh seeds to choose from, so that a few runs show every kind of fault."""
FRESH_MAX = 10**9
RUNS_PER_ARENA = 40
"""Then the broker is made anew: what deleted topics leave behind slows its start."""


class Suite:
    """Runs what the options ask for."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._folder = Path(options.folder or tempfile.mkdtemp(prefix="koikarper-faults-"))
        self._stack = AsyncExitStack()
        self._arenas: dict[str, tuple[Arena, int]] = {}
        self.results: list[Result] = []
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a broker is away is no news here

    async def run(self) -> int:
        """All seeds; 1 when one of them has an anomaly."""
        options, begun = self._options, time.monotonic()
        wanted = options.seed or [None] * options.seeds
        self._say(f"Logs and histories: {self._folder}")
        try:
            for seed in wanted:
                if time.monotonic() - begun > options.minutes * 60:
                    break
                await self._one(self._fresh() if seed is None else seed)
        finally:
            await self._stack.aclose()
        self._say(figures(self.results))
        if options.json:
            self._write({"figures": _counted(self.results)})
        return 1 if any(result.anomalies for result in self.results) else 0

    def _fresh(self) -> int:
        lot = random.SystemRandom()
        seen = {kind for result in self.results for kind in result.faults}
        missing = frozenset(plan.FAULTS) - seen
        return plan.covering([lot.randrange(FRESH_MAX) for _ in range(CANDIDATES)], missing)

    async def _one(self, seed: int) -> None:
        drawn = plan.draw(seed, self._options.fault or ())
        if self._options.poison is not None:
            drawn = replace(drawn, poison=self._options.poison)
        arena = await self._arena(drawn.arena)
        folder = self._folder / f"seed-{seed}"
        run = Run(drawn, arena, folder, build=self._options.broken or "")
        run.unreachable_seconds = self._options.unreachable
        result = await run.execute()
        self.results.append(result)
        self._say(line(result))
        if result.anomalies:
            self._say(tell(run, result, folder / "anomalies.txt"))
        else:
            shutil.rmtree(folder, ignore_errors=True)
        if self._options.json:
            self._write(asdict(result))

    async def _arena(self, kind: plan.Arena) -> Arena:
        arena, runs = self._arenas.get(kind, (None, 0))
        if arena is None or runs >= RUNS_PER_ARENA:
            if arena is not None:
                await arena.__aexit__()
            folder = self._folder / f"{kind}-{len(self.results)}"
            folder.mkdir(parents=True)
            arena = Single(folder) if kind == "single" else Three(folder)
            await arena.__aenter__()
            self._stack.push_async_callback(arena.__aexit__)
            runs = 0
        self._arenas[kind] = (arena, runs + 1)
        return arena

    def _say(self, what: str) -> None:
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()

    def _write(self, what: object) -> None:
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
