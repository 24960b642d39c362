"""One pass over the outbox: read, publish in order for each lane, delete what every replica has.

The guarantee, for readers of the topics: **the first appearance of each event of a signal comes in the ledger's
order, on all topics together.** A row is handed to Kafka only after every earlier row of its signal has all replicas'
word, and is deleted only after its own. What a crash, a lost answer or a second relay adds are repeats, byte for byte
and with the same event id, also late ones; readers take in each event once. It holds even while two relays publish at
once (the old one not yet aware that it lost its lock): each starts from a row whose predecessors are all delivered.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.relay.holds import Holds
from services.relay.metrics import Metrics
from services.relay.rows import Lane, Row, by_lane, headers_of
from services.runtime.errors import PermanentError, TransientError
from services.runtime.records import Headers

BATCH_ROWS = 500
UNDER_WAY_ROWS_MAX = 5_000
"""Rows read and not yet settled, slow ones included."""
PATIENCE_SECONDS = 0.25
"""How long a pass waits for its slowest lane; a lane that takes longer goes on beside the next passes."""
ERROR_FROM = 3
"""Failures in a row from which a lane that only ever met transient errors is an operator's business."""

_log = logging.getLogger(__name__)


class Outbox(Protocol):
    """What a pass needs of the database."""

    @property
    def lost(self) -> bool:
        """Whether the right to publish is gone."""
        ...

    async def read(self, limit: int, without: Sequence[Lane]) -> list[Row]:
        """The oldest rows, without those of some lanes."""
        ...

    async def delete(self, rows: Sequence[Row]) -> None:
        """Delete exactly these."""


class Sender(Protocol):
    """What a pass needs of Kafka."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Awaitable[None]:
        """Returns when every replica has it."""
        ...

    async def ping(self) -> None:
        """Raises `TransientError` when Kafka is away."""


@dataclass(slots=True)
class Carried:
    """What became of the rows of one lane: those sent, and the error (if any) at which the rest stopped."""

    lane: Lane
    sent: list[Row]
    rest: list[Row]
    error: Exception | None = None


class Shipping:
    """Passes over one outbox, for as long as its seat is held."""

    def __init__(self, outbox: Outbox, sender: Sender, holds: Holds, metrics: Metrics, woken: asyncio.Event) -> None:
        self._outbox = outbox
        self._sender = sender
        self._holds = holds
        self._metrics = metrics
        self._woken = woken
        self._under_way: dict[asyncio.Task[Carried], list[Row]] = {}
        self._ending = False

    async def once(self) -> bool:
        """One pass; whether it found anything to send.

        Raises `TransientError` when Kafka as a whole is away, or what the outbox raises: nothing is lost by either.
        """
        started = time.monotonic()
        rows = await self._read(started)
        tasks = [self._begin(lane, lane_rows) for lane, lane_rows in by_lane(rows).items()]
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        await self._settle()
        if rows:
            self._metrics.batch.observe(len(rows))
            self._metrics.publish.observe(time.monotonic() - started)
        return bool(rows)

    async def finish(self) -> None:
        """Begin nothing more, wait for the rows under way and settle them: the last act of a relay that is stopped."""
        self._ending = True
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._settle()

    async def abandon(self) -> None:
        """Begin nothing more: the seat is lost. What Kafka already has comes again as a repeat."""
        for task in self._under_way:
            task.remove_done_callback(self._wake)
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._under_way.clear()

    async def _read(self, now: float) -> list[Row]:
        under_way = sum(map(len, self._under_way.values()))
        limit = min(BATCH_ROWS, UNDER_WAY_ROWS_MAX - under_way)
        if limit <= 0:
            return []
        busy = {rows[0].lane for rows in self._under_way.values()}
        return await self._outbox.read(limit, [*busy.union(self._holds.waiting(now))])

    def _begin(self, lane: Lane, rows: list[Row]) -> asyncio.Task[Carried]:
        task = asyncio.create_task(self._carry(lane, rows))
        task.add_done_callback(self._wake)
        self._under_way[task] = rows
        return task

    async def _carry(self, lane: Lane, rows: list[Row]) -> Carried:
        started = time.monotonic()
        for at, row in enumerate(rows):
            if self._outbox.lost or self._ending:
                return Carried(lane, rows[:at], rows[at:])
            try:
                await self._sender.send(row.topic, row.key, row.value, headers_of(row))
            except Exception as error:  # noqa: BLE001 - whatever it is, only this lane waits for it
                return Carried(lane, rows[:at], rows[at:], error)
            self._metrics.waited.observe(row.waited_seconds + time.monotonic() - started)
        return Carried(lane, rows, [])

    async def _settle(self) -> None:
        """Delete what was sent, hold the lanes that failed; `TransientError` when Kafka as a whole is away."""
        done = [task for task in self._under_way if task.done()]
        carried = [task.result() for task in done]
        sent = [row for each in carried for row in each.sent]
        if sent:
            await self._outbox.delete(sent)
            self._metrics.sent.inc(len(sent))
        for task in done:  # only now: rows that were not deleted must not be read again by this pass's successor
            del self._under_way[task]
        for each in carried:
            if each.sent:
                self._holds.release(each.lane)
        await self._hold([each for each in carried if each.error is not None])

    async def _hold(self, failed: list[Carried]) -> None:
        """A transient failure while Kafka answers is the lane's own: a topic that is missing, a leader that is away."""
        for each in failed:
            self._metrics.failures.labels(_reason(each.error)).inc()
        away = None
        if any(isinstance(each.error, TransientError) for each in failed):
            away = await self._away()
        own = [each for each in failed if not (away and isinstance(each.error, TransientError))]
        now = time.monotonic()
        _tell(own, {each.lane: self._holds.hold(each.lane, now) for each in own})
        self._metrics.held.set(len(self._holds))
        if away:
            raise away
        if own and self._holds.full:
            raise TransientError(f"{len(self._holds)} signals have a row that fails: see the errors before")

    async def _away(self) -> TransientError | None:
        try:
            await self._sender.ping()
        except TransientError as error:
            return error
        return None

    def _wake(self, _: object) -> None:
        self._woken.set()


def _reason(error: Exception | None) -> str:
    if isinstance(error, PermanentError):
        return error.reason
    return "transient" if isinstance(error, TransientError) else "unexpected"


def _tell(failed: Iterable[Carried], attempts: dict[Lane, int]) -> None:
    """One line for each topic and reason, however many signals wait for it."""
    groups: dict[tuple[str, str], list[Carried]] = {}
    for each in failed:
        groups.setdefault((each.rest[0].topic, _reason(each.error)), []).append(each)
    for (topic, reason), group in groups.items():
        worst = max(attempts[each.lane] for each in group)
        level = logging.WARNING if reason == "transient" and worst < ERROR_FROM else logging.ERROR
        first = group[0]
        _log.log(
            level,
            "Outbox row %d for %s was not published (%s, attempt %d); it waits, and so do the later rows of signal %s"
            " and %d others like it: %s",
            first.rest[0].seq,
            topic,
            reason,
            attempts[first.lane],
            first.rest[0].signal,
            len(group) - 1,
            first.error,
        )
