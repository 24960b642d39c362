"""Isolation of the bad record: nothing else is lost, repeated or reordered, and a flood stops."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.clock import now
from services.runtime.errors import DeadLetterLimit, PermanentError, TransientError
from services.runtime.isolation import UNWORKABLE, Apart, Isolation, RejectRate
from services.runtime.records import Record


def batch_of(count: int) -> tuple[Record, ...]:
    return tuple(Record("t", 0, offset, now(), None, str(offset).encode()) for offset in range(count))


class Loop:
    """What isolation works on: records which are bad, and whether the error names them."""

    def __init__(self, bad: set[int], named: set[int] | None = None, limit: int = 1000) -> None:
        self.bad, self.named = bad, named or set()
        self.worked: list[int] = []
        self.rejected: list[tuple[int, int]] = []
        self.finished: list[int] = []
        self.calls = 0
        self.reason = "unreadable"
        self.mended_after = 10_000
        self.isolation = Isolation(self.work, self.reject, RejectRate(limit, max(limit, 1000)))

    async def work(self, batch: Sequence[Record]) -> None:
        self.calls += 1
        for record in batch:
            if record.offset in self.bad and self.calls <= self.mended_after:
                raise PermanentError(self.reason, record=record if record.offset in self.named else None)
        self.worked += [record.offset for record in batch]

    async def reject(self, record: Record, error: PermanentError, attempts: int) -> None:
        assert error.reason == self.reason
        self.rejected.append((record.offset, attempts))

    def done(self, stretch: Sequence[Record]) -> None:
        self.finished += [record.offset for record in stretch]

    def run(self, batch: Sequence[Record]) -> None:
        asyncio.run(self.isolation.run(batch, judge, self.done))


def judge(error: Exception) -> PermanentError | None:
    return error if isinstance(error, PermanentError) else None


@given(st.integers(1, 60), st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59)))
def test_exactly_the_bad_records_are_rejected_and_all_is_finished_in_order(
    count: int, bad: set[int], named: set[int]
) -> None:
    loop = Loop(bad, named)
    loop.run(batch_of(count))
    assert loop.worked == [offset for offset in range(count) if offset not in bad]
    assert [offset for offset, _ in loop.rejected] == sorted(bad & set(range(count)))
    assert loop.finished == list(range(count))
    assert not loop.isolation.attempts, "nothing is remembered of records that are done"


def test_a_good_batch_is_worked_in_one_call() -> None:
    loop = Loop(set())
    loop.run(batch_of(500))
    assert loop.calls == 1


def test_one_bad_record_of_five_hundred_costs_few_calls() -> None:
    halved, named = Loop({321}), Loop({321}, {321})
    halved.run(batch_of(500))
    named.run(batch_of(500))
    assert halved.calls <= 15, "a half is not tried when the other half of what failed is worked"
    assert named.calls == 3, "an error that names its record needs no search"


def test_attempts_count_every_try_of_the_record() -> None:
    loop = Loop({1})
    loop.run(batch_of(4))
    assert loop.rejected == [(1, 3)]


def test_a_transient_error_keeps_what_is_done_and_leaves_the_rest() -> None:
    finished: list[int] = []
    calls = 0

    async def work(batch: Sequence[Record]) -> None:
        nonlocal calls
        calls += 1
        if any(record.offset == 3 for record in batch):
            raise PermanentError("unreadable")
        if any(record.offset > 3 for record in batch):
            raise TransientError("the database is away")

    async def reject(_record: Record, _error: PermanentError, _attempts: int) -> None: ...

    isolation = Isolation(work, reject, RejectRate(10, 100))

    async def run() -> None:
        await isolation.run(batch_of(8), judge, lambda stretch: finished.extend(one.offset for one in stretch))

    with pytest.raises(TransientError):
        asyncio.run(run())
    assert finished == [0, 1, 2, 3]
    assert set(isolation.attempts) == {("t", 0, offset) for offset in range(4, 8)}


def test_a_record_whose_dead_letter_cannot_be_written_is_not_done() -> None:
    finished: list[int] = []

    async def work(_batch: Sequence[Record]) -> None:
        raise PermanentError("unreadable")

    async def reject(_record: Record, _error: PermanentError, _attempts: int) -> None:
        raise TransientError("Kafka is away")

    isolation = Isolation(work, reject, RejectRate(10, 100))

    async def run() -> None:
        await isolation.run(batch_of(1), judge, lambda stretch: finished.extend(one.offset for one in stretch))

    with pytest.raises(TransientError):
        asyncio.run(run())
    assert finished == []


def test_a_flood_of_dead_letters_stops_at_the_limit() -> None:
    loop = Loop(set(range(1000)), limit=50)
    with pytest.raises(DeadLetterLimit, match="50 of the last 50 records"):
        loop.run(batch_of(500))
    assert len(loop.rejected) == 50


def test_a_share_of_bad_records_below_the_limit_goes_on_for_ever() -> None:
    rate = RejectRate(100, 1000)
    for _ in range(100):
        rate.good(95)
        for _ in range(5):
            rate.bad()
    assert rate.rejected == 500


def test_a_record_on_which_the_work_fails_is_tried_again_at_once_before_it_is_set_apart() -> None:
    loop = Loop({0})
    loop.reason = UNWORKABLE
    loop.isolation.attempts_min = 5
    loop.run(batch_of(1))
    assert loop.rejected == [(0, 5)]


def test_the_halves_in_which_a_record_failed_count_as_tries_of_it() -> None:
    loop = Loop({1})
    loop.reason = UNWORKABLE
    loop.isolation.attempts_min = 3
    loop.run(batch_of(4))
    assert loop.rejected == [(1, 3)]
    assert loop.worked == [0, 2, 3]


def test_a_fault_that_passes_meanwhile_rejects_nobody() -> None:
    loop = Loop({1})
    loop.reason = UNWORKABLE
    loop.isolation.attempts_min = 5
    loop.mended_after = 3
    loop.run(batch_of(2))
    assert not loop.rejected
    assert loop.worked == [0, 1]


def test_unworkable_records_in_a_row_are_counted_until_one_is_worked() -> None:
    loop = Loop({0, 1, 2, 4})
    loop.reason = UNWORKABLE
    loop.run(batch_of(3))
    assert loop.isolation.unworkable == 3
    loop.run(batch_of(5)[3:])
    assert loop.isolation.unworkable == 1


class Naming:
    """Work that names all its bad records at once, and can be done without some."""

    def __init__(self, bad: set[int], *, second: set[int] | None = None) -> None:
        self.bad, self.second = bad, second or set()
        self.steps: list[tuple[list[int], list[int]]] = []
        self.rejected: list[int] = []
        self.isolation = Isolation(self.work, self.reject, RejectRate(50, 1000), without=self.without)

    async def work(self, batch: Sequence[Record]) -> None:
        await self.without(batch, ())

    async def without(self, batch: Sequence[Record], apart: Sequence[Apart]) -> None:
        left = {record.offset for record in batch} - {each.record.offset for each in apart}
        for bad in (self.bad, self.second):
            if named := [record for record in batch if record.offset in bad & left]:
                first, *others = [PermanentError("refused-by-database", record=record) for record in named]
                first.beside = tuple(others)
                raise first
        self.steps.append((sorted(left), [each.record.offset for each in apart]))

    async def reject(self, record: Record, _error: PermanentError, _attempts: int) -> None:
        self.rejected.append(record.offset)

    def run(self, count: int) -> None:
        asyncio.run(self.isolation.run(batch_of(count), judge, lambda _: None))


def test_named_records_are_set_apart_in_one_step_with_the_rest() -> None:
    loop = Naming({1, 3}, second={4})
    loop.run(6)
    assert loop.steps == [([0, 2, 5], [1, 3, 4])]
    assert loop.isolation.rate.rejected == 3
    assert not loop.isolation.attempts


def test_where_all_are_named_each_is_set_apart_by_itself() -> None:
    loop = Naming({0, 1})
    loop.run(2)
    assert not loop.steps
    assert loop.rejected == [0, 1]


def test_named_records_count_for_the_limit_before_anything_is_set_apart() -> None:
    loop = Naming(set(range(60)))
    with pytest.raises(DeadLetterLimit):
        loop.run(100)
    assert not loop.steps
    assert not loop.rejected


@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.integers(1, 12))
def test_what_is_more_than_a_batch_is_worked_in_parts_and_each_next_one_is_told_before(
    count: int, bad: set[int], size: int
) -> None:
    loop = Loop(bad)
    told: list[Sequence[Record]] = []
    loop.isolation.size, loop.isolation.ahead = size, told.append
    original, at_work = loop.isolation.work, []

    async def work(batch: Sequence[Record]) -> None:
        at_work.append(batch)
        await original(batch)

    loop.isolation.work = work
    loop.run(batch_of(count))
    assert loop.finished == list(range(count))
    assert [offset for offset, _ in loop.rejected] == sorted(bad & set(range(count)))
    assert max(map(len, at_work)) <= size
    if not bad:
        assert [id(batch) for batch in told] == [id(batch) for batch in at_work[1:]]
