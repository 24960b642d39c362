"""Retrying or discarding dead letters, a few at a time, each few in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.cli.letters import absent, fate
from services.cli.upkeep import ledger_of, log_act, progress
from services.ledger import mending
from services.ledger.mending import Choice
from services.runtime.settings import Settings

AT_ONCE = 200
"""Letters in one transaction."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is done with a dead letter."""

    verb: Literal["retry", "discard"]
    past: Literal["retried", "discarded"]


RETRY = Act("retry", "retried")
DISCARD = Act("discard", "discarded")


@dataclass(slots=True)
class Done:
    """What was done, or would be, and of which it was not and why."""

    dry_run: bool
    numbers: list[int] = field(default_factory=list)
    why: dict[int, str] = field(default_factory=dict)
    failed: bool = False
    """Whether one of them is neither settled so now nor was before."""

    def as_json(self, act: Act) -> dict[str, Any]:
        """For programs."""
        left = [{"nr": number, "why": why} for number, why in self.why.items()]
        return {"dryRun": self.dry_run, act.past: self.numbers, "left": left}


async def settle(
    settings: Settings, act: Act, meant: Sequence[int] | Choice, by: str, because: str, dry_run: bool
) -> Done:
    """Do `act` with the letters that are named, or with all open ones that are chosen.

    Each few are settled for good when their transaction is; a crash in between leaves the rest open.
    """
    done = Done(dry_run)
    async with ledger_of(settings) as engine:
        numbers = await _meant(engine, meant)
        with progress(f"Dead letters {act.past}", len(numbers)) as step:
            for start in range(0, len(numbers), AT_ONCE):
                few = numbers[start : start + AT_ONCE]
                async with engine.begin() as connection:
                    settled = await _few(connection, act, few, by, because, done)
                if settled and not dry_run:
                    log_act(act.verb, f"dead letters {', '.join(map(str, settled))}", by, why=because)
                done.numbers += settled
                step(len(few))
    return done


async def _meant(engine: AsyncEngine, meant: Sequence[int] | Choice) -> list[int]:
    if not isinstance(meant, Choice):
        return list(dict.fromkeys(meant))
    async with engine.connect() as connection:
        return await mending.numbers_of(connection, meant)


async def _few(
    connection: AsyncConnection, act: Act, few: Sequence[int], by: str, because: str, done: Done
) -> list[int]:
    """Settle these, or say of which it would be done; what is left goes into `done.why`."""
    if done.dry_run:
        rows = await mending.these(connection, few)
        settled = {row.nr for row in rows.values() if row.state == "open" and (row.whole or act.verb == "discard")}
    elif act.verb == "retry":
        settled = await mending.retry(connection, few, by, because)
    else:
        settled = await mending.discard(connection, few, by, because)
    left = [number for number in few if number not in settled]
    rows = await mending.these(connection, left) if left else {}
    for number in left:
        row = rows.get(number)
        done.why[number] = _why(act, number, row)
        done.failed |= row is None or row.state != act.past
    return [number for number in few if number in settled]


def _why(act: Act, number: int, row: Row[Any] | None) -> str:
    """Why it was not done."""
    if row is None:
        return absent(number)
    if row.state == act.past:
        return f"{number} is settled already: {fate(row)}."
    if row.state != "open":
        return f"{number} cannot be {act.past}: it was {fate(row)}."
    return (
        f"{number} cannot be retried: it is {row.size:,} bytes, too large to be kept whole. Only its sender can say it "
        "again, in smaller parts; then discard this one."
    )
