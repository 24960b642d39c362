"""Departments of different habits, each a program of its own with the kit: subscribe, take in once, answer."""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from events.answers import Outcome
from events.moments import parse_moment
from services.department.file_journal import FileJournal
from services.department.kit import Assignment, Call, Contact, CustomSolution, Department, Desk, Rule
from services.local.demo.chronicle import Chronicle
from services.runtime.settings import Settings

Seconds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Habit:
    """How a department answers: after how long, and what else it does."""

    name: str
    acknowledges_in: Seconds | None = None  # None: it never answers
    resolves_in: Seconds = (0, 0)  # after it acknowledged
    hands_over_to: str = ""  # every other assignment
    extends: bool = False


PROMPT = Habit("vlot", (1.5, 4), (6, 14))
HABITS = {
    "permits": PROMPT,
    "social-support": Habit("traag", (25, 55), (30, 60), extends=True),
    "public-space": Habit("draagt over", (3, 8), (15, 30), hands_over_to="permits"),
    "concern-control": Habit("redelijk", (4, 9), (12, 25)),
    "municipal-secretary": Habit("antwoordt nooit"),
}
OUTCOMES: tuple[Outcome, ...] = ("solved", "solved", "partly")
CONTACT = Contact(role="behandelaar", reach="14 099")


@dataclass(frozen=True, slots=True)
class Task:
    """What a department must answer, whether it heard it now or found it open at its start."""

    assignment: UUID
    signal: UUID
    round: int
    resolve_by: datetime
    rule: str
    occasion: str
    acknowledged: bool = False


class DemoDepartment:
    """A department that takes in each assignment and answers it later, as people do."""

    def __init__(self, settings: Settings, code: str, source: str, folder: Path, chronicle: Chronicle) -> None:
        self.name = f"demo-{code}"
        self.code = code
        self.habit = HABITS.get(code, PROMPT)
        self._kit = Department(
            settings, code, source=source, by="medewerker", journal=FileJournal(folder / f"{code}.journal")
        )
        self._chronicle = chronicle
        self._tasks: set[asyncio.Task[None]] = set()
        self._kit.assigned(self._take_in)
        self._kit.contested(self._again)
        self._kit.reminded(self._reminded)

    async def start(self) -> None:
        """Subscribe."""
        await self._kit.start()

    async def stop(self) -> None:
        """Leave; what is not answered yet is found again at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._kit.stop()

    async def ready(self) -> list[Any]:
        """Whether its topic is read."""
        return await self._kit.ready()

    def take_up(self, item: dict[str, Any]) -> None:
        """Go on with an assignment that was left open, as the gateway tells of it."""
        self._answer_later(
            Task(
                UUID(item["id"]),
                UUID(item["signal"]),
                item["round"],
                parse_moment(item["resolveBy"]),
                "",
                "left open",
                acknowledged=item["state"] == "acknowledged",
            )
        )

    async def _take_in(self, heard: Assignment, desk: Desk) -> None:
        data = heard.data
        rule = (data.report.get("rule") or {}).get("code", "")
        self._answer_later(Task(desk.assignment, desk.signal, data.round, data.resolve_by, rule, "\n".join(heard.key)))

    async def _again(self, heard: Any) -> None:
        for assignment in heard.data.assignments or ():
            self._answer_later(
                Task(assignment, heard.data.signal, 1, heard.at, "", f"contested {heard.key[1]}", acknowledged=True)
            )

    async def _reminded(self, heard: Call) -> None:
        self._chronicle.count("assignments.reminded")
        self._chronicle.tell(heard.at, f"{self.code} is herinnerd ({heard.data.stage})")

    def _answer_later(self, task: Task) -> None:
        if self.habit.acknowledges_in is not None:
            running = asyncio.create_task(self._answer(task))
            self._tasks.add(running)
            running.add_done_callback(self._tasks.discard)

    async def _answer(self, task: Task) -> None:
        chance = random.Random(task.assignment.int)  # noqa: S311 - a demo, the same at every start
        desk = self._kit.desk(task.assignment, task.signal, occasion=task.occasion)
        if not task.acknowledged:
            await _pause(chance, self.habit.acknowledges_in or (0, 0))
            if self.habit.hands_over_to and task.round == 1 and chance.random() < 0.5:  # noqa: PLR2004 - every other one
                await desk.hand_over(self.habit.hands_over_to, "Dit gaat over een vergunning.")
                return
            await desk.acknowledge(contact=CONTACT)
        if self.habit.extends and task.occasion != "left open":
            await desk.extend(task.resolve_by + timedelta(seconds=60), "We wachten op een advies.")
        await _pause(chance, self.habit.resolves_in)
        await self._resolve(desk, task, chance)

    async def _resolve(self, desk: Desk, task: Task, chance: random.Random) -> None:
        solution = None
        if task.rule:
            solution = CustomSolution(
                rule=Rule(code=task.rule),
                justification="De regel is er voor veiligheid, en die is hier anders geregeld.",
                features=["buurtinitiatief", "veilig"],
            )
        outcome: Outcome = chance.choice(OUTCOMES)
        await desk.resolve(outcome, "Het mag, met een bordje erbij.", custom_solution=solution)


async def _pause(chance: random.Random, seconds: Seconds) -> None:
    await asyncio.sleep(chance.uniform(*seconds))
