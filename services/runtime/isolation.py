"""Finding the bad record of a batch: halve until it stands alone, set it apart, and let the rest go on in order."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from services.runtime.errors import DeadLetterLimit, PermanentError
from services.runtime.records import Record

Work = Callable[[Sequence[Record]], Awaitable[None]]
Reject = Callable[[Record, PermanentError, int], Awaitable[None]]
Judge = Callable[[Exception], PermanentError | None]
"""Says what an error means: the record is bad, or (None) it is nobody's fault and must be tried again."""

Place = tuple[str, int, int]


class RejectRate:
    """Counts dead letters among the last records, and says when there are too many for it to be the senders' fault."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._recent: deque[bool] = deque(maxlen=window)
        self.rejected = 0

    def good(self, count: int) -> None:
        """Count records that were worked."""
        self._recent.extend([False] * count)

    def bad(self) -> None:
        """Count one record that is to be rejected; raises `DeadLetterLimit` instead when it would be one too many."""
        if sum(self._recent) >= self._limit:
            raise DeadLetterLimit(
                f"{self._limit} of the last {len(self._recent)} records were dead letters: this looks like a fault of "
                "this version or of its agreements, not of the senders. Nothing more was taken from the topics. "
                "Mend it and start again; what was rejected can be sent again with `koikarper dead-letters retry`."
            )
        self._recent.append(True)
        self.rejected += 1


@dataclass(slots=True)
class Isolation:
    """Works batches so that a bad record costs nobody but itself; remembers how often each record was tried."""

    work: Work
    reject: Reject
    rate: RejectRate
    attempts: dict[Place, int] = field(default_factory=dict)
    """Only of records that failed and are not done; empty while all is well."""

    async def run(self, batch: Sequence[Record], judge: Judge, done: Callable[[Sequence[Record]], None]) -> None:
        """Work all of `batch` in its order; `done` hears of every stretch that is finished, worked or rejected.

        Raises what `judge` calls nobody's fault, as soon as it happens: what was not yet `done` is to be tried again.
        """
        known: dict[Place, PermanentError] = {}
        stretches = [tuple(batch)]
        while stretches:
            stretch = stretches.pop()
            error = known.get(stretch[0].place) if len(stretch) == 1 else None
            error = error or await self._try(stretch, judge)
            if error is None:
                self.rate.good(len(stretch))
            elif len(stretch) == 1:
                await self._set_apart(stretch[0], error)
            else:
                if error.record is not None:
                    known[error.record.place] = error
                stretches.extend(reversed(_parts(stretch, error.record)))
                continue
            self._forget(stretch)
            done(stretch)

    async def _try(self, stretch: Sequence[Record], judge: Judge) -> PermanentError | None:
        try:
            await self.work(stretch)
        except Exception as error:
            for record in stretch:
                self.attempts[record.place] = self.attempts.get(record.place, 0) + 1
            verdict = judge(error)
            if verdict is None:
                raise
            return verdict
        return None

    async def _set_apart(self, record: Record, error: PermanentError) -> None:
        self.rate.bad()
        await self.reject(record, error, self.attempts.get(record.place, 1))

    def _forget(self, stretch: Sequence[Record]) -> None:
        if self.attempts:
            for record in stretch:
                self.attempts.pop(record.place, None)


def _parts(stretch: Sequence[Record], bad: Record | None) -> list[tuple[Record, ...]]:
    """Both halves, or, when the error named the bad record, what stands before it, itself, and what comes after."""
    cut = next((number for number, record in enumerate(stretch) if bad and record.place == bad.place), None)
    if cut is None:
        half = len(stretch) // 2
        parts = [tuple(stretch[:half]), tuple(stretch[half:])]
    else:
        parts = [tuple(stretch[:cut]), tuple(stretch[cut : cut + 1]), tuple(stretch[cut + 1 :])]
    return [part for part in parts if part]
