"""One pass over the outbox: what is sent, in which order, what is deleted, and who waits."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.relay import shipping as module
from services.relay.holds import Holds
from services.relay.metrics import Metrics
from services.relay.rows import Lane, Row
from services.relay.shipping import Shipping
from services.runtime.errors import PermanentError, TransientError
from services.runtime.publisher import Message, Outcome

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
TOO_LARGE = PermanentError("too-large", "Kafka refuses it")


class FakeOutbox:
    """The table, in memory."""

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)
        self.lost = False
        self.fails_to_delete = 0

    async def read(self, limit: int, without: Sequence[Lane]) -> list[Row]:
        return [row for row in self.rows if row.lane not in without][:limit]

    async def delete(self, rows: Sequence[Row]) -> None:
        if self.fails_to_delete:
            self.fails_to_delete -= 1
            raise TransientError("no answer")
        gone = {row.seq for row in rows}
        self.rows = [row for row in self.rows if row.seq not in gone]


class FakeKafka:
    """Takes every row, save where `fault` names an error; a row is there only after its acknowledgement."""

    def __init__(self, fault: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.fault = fault
        self.away = False
        self.there: list[int] = []
        self.together: list[list[int]] = []
        """What was handed over with one call."""
        self.slow: dict[int, asyncio.Event] = {}

    async def send_all(self, messages: Sequence[Message]) -> list[Outcome]:
        seqs = [int(message.value or b"0") for message in messages]
        for seq in seqs:
            if isinstance(error := self.fault(seq), TypeError):
                raise error
        self.together.append(seqs)
        return await asyncio.gather(*map(self._outcome, seqs))

    async def _outcome(self, seq: int) -> Outcome:
        if seq in self.slow:
            await self.slow[seq].wait()
        await asyncio.sleep(0)
        if self.away:
            return TransientError("away")
        error = self.fault(seq)
        if error is None:
            self.there.append(seq)
        return cast("Outcome", error)

    async def ping(self) -> None:
        if self.away:
            raise TransientError("away")


def row(seq: int, signal: UUID | None, headers: str | None = None, *, team: str = "noord") -> Row:
    return Row(seq, signal, f"team.{team}.feedback", b"key", str(seq).encode(), headers)


def ship(outbox: FakeOutbox, kafka: FakeKafka, holds: Holds | None = None) -> Shipping:
    return Shipping(
        outbox, kafka, Holds(60, 60) if holds is None else holds, Metrics(CollectorRegistry()), asyncio.Event()
    )


def only(seq: int, error: Exception) -> Callable[[int], Exception | None]:
    return lambda each: error if each == seq else None


async def test_what_every_replica_has_is_deleted_and_nothing_else() -> None:
    outbox, kafka = FakeOutbox(row(1, A), row(2, B), row(3, None)), FakeKafka()
    assert await ship(outbox, kafka).once()
    assert sorted(kafka.there) == [1, 2, 3]
    assert outbox.rows == []


async def test_an_empty_outbox_finds_nothing() -> None:
    assert not await ship(FakeOutbox(), FakeKafka()).once()


async def test_a_row_that_fails_holds_its_own_signal_and_no_other() -> None:
    outbox = FakeOutbox(row(1, A), row(2, B), row(3, A), row(4, B), row(5, A))
    kafka = FakeKafka(only(3, TOO_LARGE))
    shipping = ship(outbox, kafka)
    await shipping.once()
    assert sorted(kafka.there) == [1, 2, 4]
    assert [each.seq for each in outbox.rows] == [3, 5]
    assert not await shipping.once()


async def test_a_later_row_is_never_sent_before_an_earlier_one_of_its_signal_has_arrived() -> None:
    outbox, kafka = FakeOutbox(row(1, A), row(2, A)), FakeKafka()
    kafka.slow[1] = asyncio.Event()
    shipping = ship(outbox, kafka)
    passing = asyncio.create_task(shipping.once())
    await asyncio.sleep(0.01)
    assert kafka.there == []
    kafka.slow[1].set()
    await passing
    assert kafka.there == [1, 2]


async def test_a_dead_letter_that_fails_holds_nothing_back() -> None:
    outbox, kafka = FakeOutbox(row(1, None), row(2, None), row(3, A)), FakeKafka(only(1, TOO_LARGE))
    shipping = ship(outbox, kafka)
    await shipping.once()
    assert sorted(kafka.there) == [2, 3]
    assert [each.seq for each in outbox.rows] == [1]


async def test_a_row_whose_headers_cannot_be_read_waits_alone_with_its_signal() -> None:
    outbox, kafka = FakeOutbox(row(1, A, headers="{"), row(2, B)), FakeKafka()
    await ship(outbox, kafka).once()
    assert kafka.there == [2]
    assert [each.seq for each in outbox.rows] == [1]


async def test_an_error_that_nobody_foresaw_holds_its_signal_only() -> None:
    outbox, kafka = FakeOutbox(row(1, A), row(2, B)), FakeKafka(only(1, TypeError("a fault in the code")))
    await ship(outbox, kafka).once()
    assert kafka.there == [2]


async def test_while_kafka_answers_a_transient_failure_is_the_signals_own() -> None:
    outbox, kafka = FakeOutbox(row(1, A), row(2, B)), FakeKafka(only(1, TransientError("no such topic")))
    holds = Holds(60, 60)
    await ship(outbox, kafka, holds).once()
    assert kafka.there == [2]
    assert len(holds) == 1


async def test_while_kafka_is_away_nothing_is_deleted_and_no_signal_is_blamed() -> None:
    outbox, kafka, holds = FakeOutbox(row(1, A), row(2, B)), FakeKafka(), Holds(60, 60)
    kafka.away = True
    shipping = ship(outbox, kafka, holds)
    with pytest.raises(TransientError):
        await shipping.once()
    assert [each.seq for each in outbox.rows] == [1, 2]
    assert len(holds) == 0
    kafka.away = False
    await shipping.once()
    assert sorted(kafka.there) == [1, 2]
    assert outbox.rows == []


async def test_a_row_that_is_too_large_is_held_although_kafka_went_away_at_the_same_time() -> None:
    outbox, kafka, holds = FakeOutbox(row(1, A), row(2, B)), FakeKafka(only(1, TOO_LARGE)), Holds(60, 60)
    kafka.slow[2] = asyncio.Event()
    shipping = ship(outbox, kafka, holds)
    passing = asyncio.create_task(shipping.once())
    await asyncio.sleep(0.01)
    kafka.away = True
    kafka.slow[2].set()
    with pytest.raises(TransientError):
        await passing
    assert holds.waiting(0.0) == [A]


async def test_a_slow_topic_goes_on_beside_the_next_passes_and_what_waits_for_it_is_not_read_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    outbox, kafka = FakeOutbox(row(1, A, team="zuid"), row(2, B)), FakeKafka()
    kafka.slow[1] = asyncio.Event()
    shipping = ship(outbox, kafka)
    await shipping.once()
    outbox.rows += [row(3, A), row(4, C)]
    await shipping.once()
    assert kafka.there == [2, 4]
    assert [each.seq for each in outbox.rows] == [1, 3]
    kafka.slow[1].set()
    await asyncio.sleep(0.01)
    await shipping.once()
    await shipping.once()
    assert kafka.there == [2, 4, 1, 3]
    assert outbox.rows == []


async def test_a_topic_s_rows_go_together_one_of_each_signal_and_a_signal_that_failed_goes_alone() -> None:
    outbox = FakeOutbox(row(1, A), row(2, B), row(3, C, team="zuid"), row(4, B), row(5, A))
    kafka, holds = FakeKafka(only(2, TOO_LARGE)), Holds(0, 0)
    shipping = ship(outbox, kafka, holds)
    await shipping.once()
    assert sorted(kafka.together) == [[1, 2], [3], [5]]
    outbox.rows.append(row(6, C))
    await shipping.once()
    assert sorted(kafka.together[3:]) == [[2], [6]]


async def test_what_is_under_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.001)
    monkeypatch.setattr(module, "UNDER_WAY_ROWS_MAX", 3)
    outbox, kafka = FakeOutbox(*(row(seq, None) for seq in range(1, 10))), FakeKafka()
    kafka.slow = {seq: asyncio.Event() for seq in range(1, 10)}
    shipping = ship(outbox, kafka)
    assert await shipping.once()
    assert not await shipping.once()
    await shipping.abandon()
    assert kafka.there == []


async def test_who_lost_the_seat_sends_nothing_more() -> None:
    outbox, kafka = FakeOutbox(row(1, A), row(2, A)), FakeKafka()
    kafka.slow[1] = asyncio.Event()
    passing = asyncio.create_task(ship(outbox, kafka).once())
    await asyncio.sleep(0.01)
    outbox.lost = True
    kafka.slow[1].set()
    await passing
    assert kafka.there == [1]


async def test_a_relay_that_stops_settles_what_is_under_way_and_begins_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    outbox, kafka = FakeOutbox(row(1, A), row(2, A)), FakeKafka()
    kafka.slow[1] = asyncio.Event()
    shipping = ship(outbox, kafka)
    await shipping.once()
    finishing = asyncio.create_task(shipping.finish())
    await asyncio.sleep(0.01)
    kafka.slow[1].set()
    await finishing
    assert kafka.there == [1]
    assert [each.seq for each in outbox.rows] == [2]


async def test_a_deletion_that_fails_is_done_by_the_next_pass_and_nothing_is_sent_again() -> None:
    outbox, kafka = FakeOutbox(row(1, A), row(2, B)), FakeKafka()
    outbox.fails_to_delete = 1
    shipping = ship(outbox, kafka)
    with pytest.raises(TransientError):
        await shipping.once()
    await shipping.once()
    assert sorted(kafka.there) == [1, 2]
    assert outbox.rows == []


async def test_many_signals_that_wait_for_one_topic_are_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    outbox = FakeOutbox(*(row(seq, UUID(int=seq)) for seq in range(1, 101)))
    with caplog.at_level(logging.INFO, module.__name__):
        await ship(outbox, FakeKafka(lambda _: TOO_LARGE)).once()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Outbox row 1 for team.noord.feedback" in caplog.text
    assert "99 others" in caplog.text


SIGNALS = st.sampled_from([A, B, C, None])


@given(
    st.lists(SIGNALS, max_size=30),
    st.lists(st.sampled_from([None, "row", "away", "delete", "crash"]), max_size=12),
    st.data(),
)
async def test_whatever_fails_and_whoever_crashes_first_appearances_keep_each_signals_order_and_nothing_is_lost(
    signals: list[UUID | None], faults: list[str | None], data: st.DataObject
) -> None:
    rows = [row(seq, signal) for seq, signal in enumerate(signals, 1)]
    outbox, kafka, holds = FakeOutbox(*rows), FakeKafka(), Holds(0, 0)
    shipping = ship(outbox, kafka, holds)
    for fault in [*faults, None, None]:
        unlucky = data.draw(st.sets(st.integers(1, 30), max_size=5)) if fault == "row" else set()
        kafka.fault = lambda seq, unlucky=unlucky: TOO_LARGE if seq in unlucky else None  # type: ignore[misc]
        kafka.away = fault == "away"
        outbox.fails_to_delete = int(fault in {"delete", "crash"})
        try:
            await shipping.once()
        except TransientError:
            if fault == "crash":  # between sending and deleting: a new relay knows nothing of what was sent
                shipping = ship(outbox, kafka, holds)
    assert outbox.rows == []
    first = list(dict.fromkeys(kafka.there))
    for signal in (A, B, C):
        seqs = [each.seq for each in rows if each.signal == signal]
        assert [seq for seq in first if seq in seqs] == seqs
    assert sorted(first) == [each.seq for each in rows]
