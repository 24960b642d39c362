"""Finding the bad record of a batch: halve until it stands alone, set it apart, and let the rest go on in order.

Nothing here waits: what other senders wrote after the bad record goes on as soon as that one stands alone.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from events.faults import Reason
from services.runtime.errors import DeadLetterLimit, PermanentError
from services.runtime.records import Record

Work = Callable[[Sequence[Record]], Awaitable[None]]
Reject = Callable[[Record, PermanentError, int], Awaitable[None]]
Without = Callable[[Sequence[Record], Sequence["Apart"]], Awaitable[None]]
"""Works the records, and in the same step sets some of them apart."""
Judge = Callable[[Exception], PermanentError | None]
"""Says what an error means: the record is bad, or (None) it is nobody's fault and must be tried again."""

Ahead = Callable[[Sequence[Record]], None]
"""Hears which records are likely to be worked next, while those before them are; the very same sequence follows."""

Place = tuple[str, int, int]

UNWORKABLE: Reason = "unworkable"
"""The verdict on a record on which the work failed for a reason that nobody foresaw."""


class Apart(NamedTuple):
    """A record that is to be set apart, and why."""

    record: Record
    error: PermanentError
    attempts: int


class RejectRate:
    """Counts dead letters among the last records, and says when there are too many for it to be the senders' fault."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._recent: deque[bool] = deque(maxlen=window)
        self.rejected = 0

    def good(self, count: int) -> None:
        """Count records that were worked."""
        self._recent.extend([False] * count)

    def allow(self, count: int = 1) -> None:
        """Raise `DeadLetterLimit` when `count` more dead letters would be too many."""
        if sum(self._recent) + count > self._limit:
            raise DeadLetterLimit(
                f"{self._limit} of the last {len(self._recent)} records were dead letters: this looks like a fault of "
                "this version or of its agreements, not of the senders. Nothing more was taken from the topics. "
                "Mend it and start again; what was rejected can be sent again with `koikarper dead-letters retry`."
            )

    def bad(self, count: int = 1) -> None:
        """Count records that are rejected; raises `DeadLetterLimit` instead when they would be too many."""
        self.allow(count)
        self._recent.extend([True] * count)
        self.rejected += count


@dataclass(slots=True)
class Isolation:
    """Works batches so that a bad record costs nobody but itself; remembers how often each record was tried."""

    work: Work
    reject: Reject
    rate: RejectRate
    size: int = 0
    """How many records are worked at once; 0: all that there are."""
    ahead: Ahead | None = None
    attempts_min: int = 1
    """How often a record is tried at least, the halves it stood in included, before it is set apart as unworkable."""
    attempts: dict[Place, int] = field(default_factory=dict)
    """Only of records that failed and are not done; empty while all is well."""
    without: Without | None = None
    """Where the work can name several bad records at once, and can be done without them."""
    unworkable: int = 0
    """How many records in a row were set apart as unworkable while nothing was worked: then the fault may be ours."""

    async def run(self, batch: Sequence[Record], judge: Judge, done: Callable[[Sequence[Record]], None]) -> None:
        """Work all of `batch` in its order; `done` hears of every stretch that is finished, worked or rejected.

        Raises what `judge` calls nobody's fault, as soon as it happens: what was not yet `done` is to be tried again.
        """
        known: dict[Place, PermanentError] = {}
        size = self.size or len(batch)
        stretches = [_Stretch(tuple(batch[start : start + size])) for start in reversed(range(0, len(batch), size))]
        while stretches:
            stretch = stretches.pop()
            records = stretch.records
            alone = records[0] if len(records) == 1 else None
            error = known.get(alone.place) if alone else stretch.sure
            if self.ahead is not None and stretches:
                self.ahead(stretches[-1].records)
            error = error or await self._try(records, judge)
            apart = 0
            if error is not None and alone is None:
                error, apart = await self._try_without(records, error, judge)
            if error is None:
                self._worked(stretch, stretches, apart)
            elif alone is None:
                known |= {record.place: own for record, own in error.named}
                stretches.extend(reversed(_parts(records, error)))
                continue
            elif alone.place not in known and self._is_to_be_tried_again(alone, error):
                stretches.append(stretch)
                continue
            else:
                await self._set_apart(alone, error)
            self._forget(records)
            done(records)

    def _worked(self, stretch: "_Stretch", rest: Sequence["_Stretch"], apart: int) -> None:
        """When the first half of what failed together is worked, the bad record is in the second: no need to try."""
        self.rate.good(len(stretch.records) - apart)
        self.unworkable = 0
        if stretch.failed_together is not None and not apart:
            rest[-1].sure = stretch.failed_together

    async def _try_without(
        self, stretch: Sequence[Record], error: PermanentError, judge: Judge
    ) -> tuple[PermanentError | None, int]:
        """Work the rest in one step with setting apart what the error names: the error that is left, how many apart.

        That the rest is worked shows that the fault is not ours. Where nothing would be left, nothing is shown.
        """
        named: dict[Place, Apart] = {}
        while self.without is not None:
            fresh = [(record, own) for record, own in error.named if record.place not in named]
            named |= {bad.place: Apart(bad, own, self.attempts.get(bad.place, 1)) for bad, own in fresh}
            if not fresh or len(named) >= len(stretch):
                break
            self.rate.allow(len(named))
            failed = await self._try(stretch, judge, tuple(named.values()))
            if failed is None:
                self.rate.bad(len(named))
                return None, len(named)
            error = failed
        return error, 0

    async def _try(self, stretch: Sequence[Record], judge: Judge, apart: Sequence[Apart] = ()) -> PermanentError | None:
        try:
            if self.without is not None and apart:
                await self.without(stretch, apart)
            else:
                await self.work(stretch)
        except Exception as error:
            for record in stretch:
                self.attempts[record.place] = self.attempts.get(record.place, 0) + 1
            verdict = judge(error)
            if verdict is None:
                raise
            return verdict
        return None

    def _is_to_be_tried_again(self, record: Record, error: PermanentError) -> bool:
        return error.reason == UNWORKABLE and self.attempts.get(record.place, 0) < self.attempts_min

    async def _set_apart(self, record: Record, error: PermanentError) -> None:
        self.rate.bad()
        await self.reject(record, error, self.attempts.get(record.place, 1))
        self.unworkable += error.reason == UNWORKABLE

    def _forget(self, stretch: Sequence[Record]) -> None:
        if self.attempts:
            for record in stretch:
                self.attempts.pop(record.place, None)


@dataclass(slots=True)
class _Stretch:
    """Records in a row that are still to be worked."""

    records: tuple[Record, ...]
    failed_together: PermanentError | None = None
    """Of a first half: the error with which it failed together with the second, which is the next to be worked."""
    sure: PermanentError | None = None
    """The error that it must have: it failed together with records that are worked since."""


def _parts(stretch: Sequence[Record], error: PermanentError) -> list[_Stretch]:
    """Both halves, or, when the error named bad records, each of them and what stands between them."""
    bad = {record.place for record, _ in error.named}
    if not any(record.place in bad for record in stretch):
        half = len(stretch) // 2
        return [_Stretch(tuple(stretch[:half]), failed_together=error), _Stretch(tuple(stretch[half:]))]
    parts: list[tuple[Record, ...]] = [()]
    for record in stretch:
        if record.place in bad:
            parts += [(record,), ()]
        else:
            parts[-1] = (*parts[-1], record)
    return [_Stretch(part) for part in parts if part]
