"""`python -m tests.benchmarks.soak --minutes 30`: the whole machine at half of its highest rate, and what it holds.

Starts `koikarper local`, finds how fast signals go round the whole loop (team topic, department, its answer, the team's
word, closed) with a short burst, and then sends half of that, with 1 % poison. Ctrl-C ends it with the figures so far.
"""

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tests.benchmarks.loop_machine import Machine, machine
from tests.benchmarks.loop_people import People
from tests.benchmarks.soak_diary import Diary, Ending
from tests.benchmarks.visitor import Visitor
from tests.benchmarks.vitals import Vitals, free_bytes

WINDOW = 2_000
"""Signals under way in the burst: enough that every batch is full."""
PARTS = 4
"""Of the burst: the first warms it up, and of the others the slowest counts, for the rate must be one that it keeps."""
POISON_SHARE = 0.01
SAMPLE_SECONDS = 10.0
SHARE = 0.5
DRAIN_SECONDS = 180.0
HASTY_SECONDS = 15.0
"""How long is waited for what is under way when it was stopped by hand."""
FREE_BYTES_MIN = 5_000_000_000


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long at half of the highest rate.")] = 30,
    burst: Annotated[float, typer.Option(min=6, help="Seconds of the burst that finds the highest rate.")] = 60,
    rate: Annotated[float, typer.Option(min=0, help="Signals a second, instead of half of what is found.")] = 0,
    data: Annotated[Path | None, typer.Option(help="Keep the data there; default: a folder that is removed.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write every sample as JSON, anew each minute.")] = None,
) -> None:
    """Run it; exit code 1 when something that was sent was not told in the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = data or Path(name)
        Path(name).chmod(0o755)  # as root, PostgreSQL runs as another user that must reach its data
        with machine(folder) as running:
            soak = Soak(running, folder, Diary(folder, output, minutes * 60))
            ending = uvloop.run(soak.run(minutes * 60, burst, rate))
    raise typer.Exit(0 if ending.all_told else 1)


class Soak:
    """One run on one machine."""

    def __init__(self, running: Machine, folder: Path, diary: Diary) -> None:
        self._machine = running
        self._folder = folder
        self._diary = diary
        self._stopped = asyncio.Event()
        self._why = ""

    async def run(self, seconds: float, burst: float, rate: float) -> Ending:
        """Burst, soak, drain, and tell."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop, f"stopped by {number.name}")
        async with AsyncExitStack() as stack:
            people = await stack.enter_async_context(People(self._machine.found["kafka"], POISON_SHARE))
            vitals = await stack.enter_async_context(
                Vitals(self._machine.process.pid, self._machine.found, self._machine.agreements, people.readers)
            )
            visitor = Visitor(self._machine.found, self._folder / "data")
            self._diary.open(people, vitals, visitor)
            visiting = asyncio.create_task(visitor.run())
            try:
                rate = rate or SHARE * await self._highest(people, burst)
                await self._steadily(people, rate, seconds)
            except Exception as error:  # noqa: BLE001 - whatever ended it, the figures so far are told
                self._stop(f"{type(error).__name__}: {error}")
            visiting.cancel()
            await self._drained(people)
            return await self._diary.ending(self._why)

    def _stop(self, why: str) -> None:
        self._why = self._why or why
        self._stopped.set()

    def _until(self, seconds: float) -> "_Until":
        return _Until(time.monotonic() + seconds, self._stopped, self._machine)

    async def _highest(self, people: People, seconds: float) -> float:
        """Signals that go round in a second with `WINDOW` of them under way: the least of the parts after the first."""
        self._diary.say(f"Burst of {seconds:.0f} s: {WINDOW:,} signals under way")
        rates = []
        for _ in range(PARTS):
            begun, closed = time.monotonic(), people.closed
            await people.keep(WINDOW, self._until(seconds / PARTS))
            rates.append((people.closed - closed) / (time.monotonic() - begun))
        self._diary.say(f"Signals a second in each part of it: {', '.join(f'{rate:,.0f}' for rate in rates)}")
        highest = min(rates[1:])
        emptied = self._until(DRAIN_SECONDS)
        while people.under_way and not emptied():  # noqa: ASYNC110 - others take them away
            await asyncio.sleep(0.1)
        self._diary.highest = highest
        return highest

    async def _steadily(self, people: People, rate: float, seconds: float) -> None:
        self._diary.begin(rate)
        sampling = asyncio.create_task(self._sample())
        try:
            await people.pace(rate, self._until(seconds))
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
        await self._look()  # the last moment of the steady time; what comes after is another load

    async def _sample(self) -> None:
        for due in _moments(time.monotonic(), SAMPLE_SECONDS):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._look()
            if free_bytes(self._folder) < FREE_BYTES_MIN:
                self._stop(f"less than {FREE_BYTES_MIN / 1e9:.0f} GB left on the disk")

    async def _look(self) -> None:
        try:
            await self._diary.sample()
        except Exception as error:  # noqa: BLE001 - a look that fails is told, and the soak goes on
            self._diary.say(f"A sample failed: {type(error).__name__}: {error}")

    async def _drained(self, people: People) -> None:
        """Wait until all is told, but not for ever; `Diary.ending` says what was not."""
        patience = HASTY_SECONDS if self._stopped.is_set() else DRAIN_SECONDS
        self._diary.say("All is sent; what is under way goes round")
        end = time.monotonic() + patience
        while time.monotonic() < end and self._machine.process.poll() is None:
            if not people.under_way and not people.answers_to_come:
                with contextlib.suppress(Exception):
                    if await self._diary.nothing_waits():
                        return
            await asyncio.sleep(0.5)


class _Until:
    """Whether the time is up, or it was stopped; raises when the machine has ended."""

    def __init__(self, end: float, stopped: asyncio.Event, running: Machine) -> None:
        self._end = end
        self._stopped = stopped
        self._machine = running

    def __call__(self) -> bool:
        self._machine.check()
        return self._stopped.is_set() or time.monotonic() >= self._end


def _moments(begun: float, every: float) -> Iterator[float]:
    while True:
        yield begun
        begun += every


if __name__ == "__main__":
    typer.run(main)
