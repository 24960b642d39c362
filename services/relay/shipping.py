"""One pass over the outbox: read, publish in order for each lane, delete what every replica has.

The guarantee, for readers of the topics: **the first appearance of each event of a signal comes in the ledger's
order, on all topics together.** A row is handed to Kafka only after every earlier row of its signal has all replicas'
word, and is deleted only after its own. What a crash, a lost answer or a second relay adds are repeats, byte for byte
and with the same event id, also late ones; readers take in each event once. It holds even while two relays publish at
once (the old one not yet aware that it lost its lock): each starts from a row whose predecessors are all delivered.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.relay.holds import Holds
from services.relay.metrics import Metrics
from services.relay.rows import Lane, Row, by_lane, message_of
from services.runtime.errors import PermanentError, TransientError
from services.runtime.publisher import Message, Outcome

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

    def send_all(self, messages: Sequence[Message]) -> Awaitable[list[Outcome]]:
        """For each message: None when every replica has it, or why not."""
        ...

    async def ping(self) -> None:
        """Raises `TransientError` when Kafka is away."""


@dataclass(slots=True, eq=False)
class Carried:
    """What became of the rows of one lane so far: those sent, and the error (if any) at which the rest stopped."""

    lane: Lane
    rows: list[Row]
    read_at: float
    sent: int = 0
    error: Exception | None = None
    done: bool = False
    """Nothing of it is under way any more, nor will be."""

    @property
    def next(self) -> Row:
        """The row that is to be sent next, or at which it stopped."""
        return self.rows[self.sent]


class Shipping:
    """Passes over one outbox, for as long as its seat is held."""

    def __init__(self, outbox: Outbox, sender: Sender, holds: Holds, metrics: Metrics, woken: asyncio.Event) -> None:
        self._outbox = outbox
        self._sender = sender
        self._holds = holds
        self._metrics = metrics
        self._woken = woken
        self._under_way: dict[Lane, Carried] = {}
        self._ready: dict[Hashable, list[Carried]] = {}
        """Lanes of which a row is to be sent, by the way that it goes."""
        self._sending: dict[Hashable, asyncio.Task[None]] = {}
        """One for each way at a time: what comes ready meanwhile goes together, next."""
        self._moved = asyncio.Event()
        self._ending = False

    async def once(self) -> bool:
        """One pass; whether it found anything to send.

        Raises `TransientError` when Kafka as a whole is away, or what the outbox raises: nothing is lost by either.
        """
        started = time.monotonic()
        rows = await self._read(started)
        lanes = [Carried(lane, lane_rows, started) for lane, lane_rows in by_lane(rows).items()]
        self._under_way |= {each.lane: each for each in lanes}
        self._go_on(lanes)
        await self._patiently(lanes)
        await self._settle()
        if rows:
            self._metrics.batch.observe(len(rows))
            self._metrics.publish.observe(time.monotonic() - started)
        return bool(rows)

    async def finish(self) -> None:
        """Begin nothing more, wait for the rows under way and settle them: the last act of a relay that is stopped."""
        self._ending = True
        while self._sending:
            await asyncio.wait(self._sending.values())
        await self._settle()

    async def abandon(self) -> None:
        """Begin nothing more: the seat is lost. What Kafka already has comes again as a repeat."""
        self._ending = True
        tasks = [*self._sending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way.clear()

    async def _read(self, now: float) -> list[Row]:
        under_way = sum(len(each.rows) for each in self._under_way.values())
        limit = min(BATCH_ROWS, UNDER_WAY_ROWS_MAX - under_way)
        if limit <= 0:
            return []
        return await self._outbox.read(limit, [*self._under_way.keys() | self._holds.waiting(now)])

    async def _patiently(self, lanes: Sequence[Carried]) -> None:
        """Wait until all of these are done, or as long as the patience lasts."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not all(each.done for each in lanes):
                    self._moved.clear()
                    await self._moved.wait()

    def _go_on(self, lanes: Iterable[Carried]) -> None:
        """Have the next row of each lane sent. A topic's rows go together, and wait for no other topic."""
        for each in lanes:
            if each.error or each.sent == len(each.rows):
                each.done = True
            else:  # one that failed before goes alone, since Kafka refuses a batch as a whole
                way: Hashable = each.lane if each.lane in self._holds else each.next.topic
                self._ready.setdefault(way, []).append(each)
        for idle in self._ready.keys() - self._sending.keys():
            self._sending[idle] = asyncio.create_task(self._send_all(idle))

    async def _send_all(self, way: Hashable) -> None:
        """What is ready to go this way, until nothing is."""
        try:
            while lanes := self._ready.pop(way, None):
                if self._ending or self._outbox.lost:
                    for each in lanes:
                        each.done = True
                else:
                    await self._send(lanes)
                self._moved.set()
                self._woken.set()
        finally:
            del self._sending[way]

    async def _send(self, lanes: Sequence[Carried]) -> None:
        """The next row of each lane; those that went well go on."""
        ready = [(each, message) for each in lanes if (message := _message(each))]
        outcomes = await self._outcomes([message for _, message in ready])
        for (each, _), outcome in zip(ready, outcomes, strict=True):
            if outcome is None:
                self._metrics.waited.observe(each.next.waited_seconds + time.monotonic() - each.read_at)
                each.sent += 1
            else:
                each.error = outcome
        self._go_on(lanes)

    async def _outcomes(self, messages: Sequence[Message]) -> list[Exception | None]:
        try:
            return [*await self._sender.send_all(messages)]
        except Exception as error:  # noqa: BLE001 - whatever it is, only the lane that it is about waits for it
            if len(messages) == 1:
                return [error]
        alone = [await self._outcomes([message]) for message in messages]
        return [outcome for (outcome,) in alone]

    async def _settle(self) -> None:
        """Delete what was sent, hold the lanes that failed; `TransientError` when Kafka as a whole is away."""
        done = [each for each in self._under_way.values() if each.done]
        sent = [row for each in done for row in each.rows[: each.sent]]
        if sent:
            await self._outbox.delete(sent)
            self._metrics.sent.inc(len(sent))
        for each in done:  # only now: rows that were not deleted must not be read again by this pass's successor
            del self._under_way[each.lane]
            if each.sent:
                self._holds.release(each.lane)
        await self._hold([each for each in done if each.error is not None])

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


def _message(each: Carried) -> Message | None:
    """What Kafka is to be given of its next row; None when nothing can be made of it: then the lane stops there."""
    try:
        return message_of(each.next)
    except PermanentError as error:
        each.error = error
        return None


def _reason(error: Exception | None) -> str:
    if isinstance(error, PermanentError):
        return error.reason
    return "transient" if isinstance(error, TransientError) else "unexpected"


def _tell(failed: Iterable[Carried], attempts: dict[Lane, int]) -> None:
    """One line for each topic and reason, however many signals wait for it."""
    groups: dict[tuple[str, str], list[Carried]] = {}
    for each in failed:
        groups.setdefault((each.next.topic, _reason(each.error)), []).append(each)
    for (topic, reason), group in groups.items():
        worst = max(attempts[each.lane] for each in group)
        level = logging.WARNING if reason == "transient" and worst < ERROR_FROM else logging.ERROR
        first = group[0]
        _log.log(
            level,
            "Outbox row %d for %s was not published (%s, attempt %d); it waits, and so do the later rows of signal %s"
            " and %d others like it: %s",
            first.next.seq,
            topic,
            reason,
            attempts[first.lane],
            first.next.signal,
            len(group) - 1,
            first.error,
        )
