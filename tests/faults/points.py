"""The named points at which a service is killed: put into a worker from outside, so production code has no hooks."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from events.catalogue import DEAD_LETTERS
from services.gateway.outlet import Outlet
from services.ledger import counters, keeping
from services.relay.seat import Seat
from services.runtime.consumer import Consumer
from services.runtime.fence import Fence
from services.runtime.progress import Progress
from services.timekeeper import timekeeper


class Trap:
    """Ends or stops this very process when it is stepped into for the `hit`-th time; `mark` is told first."""

    def __init__(self, hit: int, how: signal.Signals, mark: Callable[[], None]) -> None:
        self._left = hit
        self._how = how
        self._mark = mark

    def __call__(self) -> None:
        """Step into it."""
        self._left -= 1
        if self._left == 0:
            self._mark()
            os.kill(os.getpid(), self._how)


def put(point: str, trap: Trap) -> None:
    """Put the trap at a point of this process."""
    _POINTS[point](trap)


def _before(owner: Any, name: str, trap: Trap, when: Callable[..., bool] = lambda *_: True) -> None:
    """The trap lies before `owner.name` is called with arguments for which `when` holds."""
    original = getattr(owner, name)

    async def trapped(*arguments: Any, **named: Any) -> Any:
        if when(*arguments):
            trap()
        return await original(*arguments, **named)

    setattr(owner, name, trapped)


def _after(owner: Any, name: str, trap: Trap, when: Callable[[Any], bool] = lambda _: True) -> None:
    """The trap lies after `owner.name` has answered with something for which `when` holds."""
    original = getattr(owner, name)

    async def trapped(*arguments: Any, **named: Any) -> Any:
        answer = await original(*arguments, **named)
        if when(answer):
            trap()
        return answer

    setattr(owner, name, trapped)


def _polled(trap: Trap) -> None:
    original = Consumer._taken

    def taken(self: Consumer, raw: Any) -> Any:
        batch = original(self, raw)
        trap()
        return batch

    Consumer._taken = taken  # type: ignore[method-assign]  # the point is there


def _has_dead_letter(_seat: Any, rows: Any) -> bool:
    return any(row.topic == DEAD_LETTERS for row in rows)


_POINTS: dict[str, Callable[[Trap], None]] = {
    "polled": _polled,
    # `counters.add` is the last statement of the transaction: all is written, nothing is committed.
    "in-transaction": lambda trap: _before(counters, "add", trap),
    "committed-offsets-not": lambda trap: _before(Progress, "commit", trap),
    "outbox-read": lambda trap: _after(Seat, "read", trap, bool),
    "published-row-not-deleted": lambda trap: _before(Seat, "delete", trap),
    "moment-being-decided": lambda trap: _after(timekeeper, "let_pass", trap, lambda turn: bool(turn.passed)),
    "mid-rebalance": lambda trap: _before(Fence, "on_partitions_assigned", trap),
    "dead-letter-sent-not-committed": lambda trap: _before(Seat, "delete", trap, _has_dead_letter),
    "dead-letter-kept-not-committed": lambda trap: _after(keeping, "keep", trap),
    "gateway-after-publish": lambda trap: _after(Outlet, "send", trap),
}
