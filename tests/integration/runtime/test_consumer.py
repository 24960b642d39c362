"""The consumer on real Kafka: nothing lost, nothing repeated without need, nothing out of order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from itertools import pairwise

import pytest

from events.catalogue import Topic
from services.runtime import topics
from services.runtime.broker import Message, Publisher
from services.runtime.consumer import Consumer, Partition, Position
from services.runtime.errors import Fenced, PermanentError, TransientError
from services.runtime.records import Record
from services.runtime.settings import Settings

Until = Callable[[Callable[[], bool]], Awaitable[None]]
COUNT = 3_000
HEADERS = (("content-type", b"application/json"), ("odd", b"\xff\xfe"), ("odd", b""))


class Worked:
    """Gathers what was worked and rejected; `fail` may raise before anything of a batch counts as worked."""

    def __init__(self, fail: Callable[[Sequence[Record]], Awaitable[None]] | None = None) -> None:
        self.records: list[Record] = []
        self.rejected: list[tuple[Record, str, int]] = []
        self.batches: list[int] = []
        self._fail = fail

    async def work(self, batch: Sequence[Record]) -> None:
        if self._fail is not None:
            await self._fail(batch)
        self.batches.append(len(batch))
        self.records += batch

    async def reject(self, record: Record, error: Exception, attempts: int) -> None:
        self.rejected.append((record, getattr(error, "reason", ""), attempts))

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]

    def __len__(self) -> int:
        return len(self.records) + len(self.rejected)


async def fill(publisher: Publisher, count: int = COUNT, start: int = 0) -> None:
    """Write numbered records, keyed so that every partition has its share."""
    messages = [Message("things", b"k%d" % (n % 31), b"%d" % n, HEADERS) for n in range(start, start + count)]
    assert await publisher.send_all(messages) == [None] * count


def in_order(records: Iterable[Record]) -> bool:
    by_partition: dict[int, list[int]] = defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record.offset)
    return all(before < after for offsets in by_partition.values() for before, after in pairwise(offsets))


def consumer_of(settings: Settings, worked: Worked, **more: object) -> Consumer:
    return Consumer(settings, service="reader", topics=["things"], work=worked.work, reject=worked.reject, **more)


class Kept:
    """Positions kept in memory, with an owner each: what the ledger keeps in its table."""

    def __init__(self) -> None:
        self.next: dict[Partition, int] = {}
        self.owner: dict[Partition, str] = {}
        self.away = 0
        self.taken: list[str] = []

    async def take_over(self, partitions: Collection[Partition], owner: str) -> dict[Partition, int]:
        if self.away:
            self.away -= 1
            raise TransientError("the database is away")
        self.taken.append(owner)
        self.owner |= dict.fromkeys(partitions, owner)
        return {partition: self.next[partition] for partition in partitions if partition in self.next}

    def advance(self, batch: Sequence[Record], owner: str) -> None:
        """In one step with the work, as a transaction would; refuses another's."""
        for record in batch:
            partition = record.topic, record.partition
            if self.owner.get(partition) != owner:
                raise Fenced(f"{partition} belongs to {self.owner.get(partition)}")
            assert record.offset == self.next.get(partition, 0), "a record is skipped or repeated"
            self.next[partition] = record.offset + 1


async def test_every_record_is_worked_once_while_one_batch_in_ten_fails(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    chance = random.Random(1)  # noqa: S311 - a repeatable fault, no secret

    async def fail(_batch: Sequence[Record]) -> None:
        if chance.random() < 0.1:
            raise TransientError("injected")

    await fill(publisher)
    worked = Worked(fail)
    consumer = consumer_of(quick.model_copy(update={"batch_records": 20}), worked)
    await consumer.start()
    await until(lambda: len(worked) >= COUNT)
    await consumer.stop()
    assert sorted(map(int, filter(None, worked.values))) == list(range(COUNT))
    assert in_order(worked.records)
    assert not worked.rejected


async def test_one_record_in_twenty_is_poison_and_costs_nobody_but_itself(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    async def fail(batch: Sequence[Record]) -> None:
        if any(int(record.value or b"") % 20 == 7 for record in batch):
            raise PermanentError("unreadable", "poison")

    await fill(publisher)
    worked = Worked(fail)
    consumer = consumer_of(quick, worked)
    await consumer.start()
    await until(lambda: len(worked) >= COUNT)
    await consumer.stop()
    poison = [number for number in range(COUNT) if number % 20 == 7]
    assert sorted(int(record.value or b"") for record, _, _ in worked.rejected) == poison
    assert len(worked.records) == COUNT - len(poison)
    assert in_order(worked.records)
    assert in_order(record for record, _, _ in worked.rejected)
    assert all(record.headers == HEADERS for record, _, _ in worked.rejected)
    assert consumer.rejected == len(poison)


async def test_any_bytes_arrive_as_they_were_sent(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    odd: list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]] = [
        (b"a", None, ()),
        (None, b"\xff\x00", (("reply_to", b"things"), ("correlation_id", b"\xff"))),
        (b"", b"", (("", b""), ("content-type", b"\x80"))),
        (b"\xc3\x28", b"{", (("x", b"1"), ("x", b"2"))),
    ]
    for key, value, headers in odd:
        await publisher.send("things", key, value, headers)
    worked = Worked()
    consumer = consumer_of(quick, worked)
    await consumer.start()
    await until(lambda: len(worked) >= len(odd))
    await asyncio.sleep(0.2)
    await consumer.stop()
    assert {(record.key, record.value, record.headers) for record in worked.records} == set(odd)
    assert len(worked) == len(odd), "a `reply_to` header makes the consumer answer nothing"
    assert all(record.topic == "things" for record in worked.records), "the prefix is removed"


async def test_a_fault_in_the_code_is_tried_again_and_then_isolated(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    calls = 0

    async def fail(batch: Sequence[Record]) -> None:
        nonlocal calls
        calls += 1
        if any(record.value == b"13" for record in batch):
            raise KeyError("a fault")

    await fill(publisher, 50)
    worked = Worked(fail)
    consumer = consumer_of(quick.model_copy(update={"attempts_max": 3}), worked)
    await consumer.start()
    await until(lambda: len(worked) >= 50)
    await consumer.stop()
    ((record, reason, attempts),) = worked.rejected
    assert (record.value, reason) == (b"13", "unworkable")
    assert attempts >= 3
    assert len(worked.records) == 49


async def test_a_fault_that_passes_rejects_nobody(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    faults = iter([True, True])

    async def fail(_batch: Sequence[Record]) -> None:
        if next(faults, False):
            raise RuntimeError("for a moment")

    await fill(publisher, 50)
    worked = Worked(fail)
    consumer = consumer_of(quick, worked)
    await consumer.start()
    await until(lambda: len(worked) >= 50)
    await consumer.stop()
    assert not worked.rejected


async def test_waits_between_attempts_are_no_hot_loop(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    tries = 0

    async def fail(_batch: Sequence[Record]) -> None:
        nonlocal tries
        tries += 1
        raise TransientError("the database is away")

    await fill(publisher, 10)
    worked = Worked(fail)
    consumer = consumer_of(quick, worked)
    await consumer.start()
    await until(lambda: tries >= 5)
    before = tries
    await asyncio.sleep(1)
    assert tries - before <= 20, "waits of 0.1 to 0.2 s"
    assert not consumer.ready().ok
    assert "the database is away" in consumer.ready().detail
    await consumer.stop()
    assert not worked.records


async def test_a_member_that_joins_in_mid_batch_causes_no_repeats(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    working = asyncio.Event()

    async def slow(_batch: Sequence[Record]) -> None:
        working.set()
        await asyncio.sleep(0.5)

    await fill(publisher, 300)
    settings = quick.model_copy(update={"batch_records": 50, "instance": ""})
    first, second = Worked(slow), Worked(slow)
    one, two = consumer_of(settings, first), consumer_of(settings, second)
    await one.start()
    await working.wait()
    await two.start()
    await until(lambda: len(first) + len(second) >= 300)
    await asyncio.sleep(0.3)
    await asyncio.gather(one.stop(), two.stop())
    both = [*first.records, *second.records]
    assert len(both) == 300
    assert len({record.place for record in both}) == 300


async def test_positions_of_the_database_win_over_what_kafka_committed(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    kept, first, second = Kept(), Worked(), Worked()
    await fill(publisher, 100)
    one = consumer_of(quick, first, positions=kept)
    await one.start()
    await until(lambda: len(first) >= 100)
    await one.stop()
    kept.next = dict.fromkeys(kept.owner, 5)  # a database that was restored from a backup
    two = consumer_of(quick, second, positions=kept)
    await two.start()
    await until(lambda: len(second) >= 100 - 5 * 3)
    await asyncio.sleep(0.2)
    await two.stop()
    assert {(record.partition, record.offset) for record in second.records} == {
        (record.partition, record.offset) for record in first.records if record.offset >= 5
    }
    assert len(second) == 100 - 5 * 3


async def test_a_restarted_member_goes_on_where_the_positions_say(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    kept, worked = Kept(), Worked()
    consumer: Consumer

    async def work(batch: Sequence[Record]) -> None:
        kept.advance(batch, consumer.owner)
        await worked.work(batch)

    owners = set()
    for start in range(0, 300, 100):
        await fill(publisher, 100, start)
        consumer = Consumer(quick, service="reader", topics=["things"], work=work, reject=worked.reject, positions=kept)
        owners.add(consumer.owner)
        await consumer.start()
        await until(lambda wanted=start + 100: len(worked) >= wanted)
        await consumer.stop()
    assert len(owners) == 3, "each start is an owner of its own"
    assert sorted(map(int, filter(None, worked.values))) == list(range(300))


async def test_nothing_is_worked_before_the_partitions_are_taken_over(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    kept, worked = Kept(), Worked()
    kept.away = 4
    await fill(publisher, 100)
    consumer = consumer_of(quick, worked, positions=kept)
    await consumer.start()
    assert not consumer.assigned
    await until(lambda: len(worked) >= 100)
    await asyncio.sleep(0.2)
    await consumer.stop()
    assert len(worked) == 100
    assert kept.taken[0] == consumer.owner


async def test_a_worker_that_is_fenced_off_works_nothing_and_loses_nothing(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    kept, worked = Kept(), Worked()
    consumer: Consumer
    fenced = 0

    async def work(batch: Sequence[Record]) -> None:
        nonlocal fenced
        try:
            kept.advance(batch, consumer.owner)
        except Fenced:
            fenced += 1
            raise
        await worked.work(batch)

    consumer = Consumer(quick, service="reader", topics=["things"], work=work, reject=worked.reject, positions=kept)
    await consumer.start()
    await until(lambda: bool(consumer.assigned))
    mine = dict(kept.owner)
    kept.owner = dict.fromkeys(mine, "another")
    await fill(publisher, 100)
    kept.away = 1_000  # until the other one lets go, nobody else can take over
    await until(lambda: fenced >= 2)
    await asyncio.sleep(0.3)
    assert not worked.records
    assert not worked.rejected
    kept.owner, kept.away = mine, 0
    await until(lambda: len(worked) >= 100)
    await consumer.stop()
    assert len(worked) == 100


async def test_a_topic_that_was_made_anew_stops_the_consumer_instead_of_skipping(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    kept, worked = Kept(), Worked()
    kept.next = {("things", 0): 1_000}
    await fill(publisher, 10)
    consumer = consumer_of(quick, worked, positions=kept)
    await consumer.start()
    await until(lambda: consumer.ready().fatal)
    assert "already read up to 1000" in consumer.ready().detail
    await consumer.stop()
    assert not worked.records


async def test_too_many_dead_letters_stop_the_consumer_instead_of_draining_the_topic(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    async def fail(_batch: Sequence[Record]) -> None:
        raise PermanentError("unreadable")

    await fill(publisher, 500)
    worked = Worked(fail)
    settings = quick.model_copy(update={"dead_letters_max": 20, "dead_letters_window": 100})
    consumer = consumer_of(settings, worked)
    await consumer.start()
    await until(lambda: consumer.ready().fatal)
    await asyncio.sleep(0.3)
    assert len(worked.rejected) == 20
    assert "20 of the last 20 records were dead letters" in consumer.ready().detail
    await consumer.stop()
    mended = Worked()
    again = consumer_of(settings, mended)
    await again.start()
    await until(lambda: len({record.place for record in mended.records}) >= 480)
    await again.stop()
    seen = {record.place for record, _, _ in worked.rejected} | {record.place for record in mended.records}
    assert len(seen) == 500, "what was not rejected is still there for the version that is mended"


async def test_a_stop_in_mid_batch_waits_for_it(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    working = asyncio.Event()

    async def slow(_batch: Sequence[Record]) -> None:
        working.set()
        await asyncio.sleep(0.5)

    await fill(publisher, 100)
    first, second = Worked(slow), Worked()
    one = consumer_of(quick.model_copy(update={"batch_records": 30}), first)
    await one.start()
    await working.wait()
    await one.stop()
    assert len(first) > 0
    two = consumer_of(quick, second)
    await two.start()
    await until(lambda: len(first) + len(second) >= 100)
    await asyncio.sleep(0.2)
    await two.stop()
    assert len(first) + len(second) == 100, "the batch at work was finished and its offsets kept"


async def positions_once(
    consumer: Consumer, condition: Callable[[dict[Partition, Position]], bool]
) -> dict[Partition, Position]:
    async with asyncio.timeout(10):
        while True:
            found = await consumer.read_positions()
            if found and condition(found):
                return found
            await asyncio.sleep(0.01)


async def test_read_until_moves_with_the_polls_and_waits_for_work(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    hold = asyncio.Event()

    async def slow(_batch: Sequence[Record]) -> None:
        await hold.wait()

    worked = Worked(slow)
    consumer = consumer_of(quick, worked, positions=Kept())
    await consumer.start()
    await until(lambda: len(consumer.assigned) == 3)
    empty = await positions_once(consumer, lambda found: all(place.read_until for place in found.values()))
    assert {place.next_offset for place in empty.values()} == {0}
    await publisher.send("things", b"k", b"1")
    await positions_once(consumer, lambda found: not any(place.read_until for place in found.values()))
    hold.set()
    await until(lambda: len(worked) == 1)
    (record,) = worked.records
    partition = (record.topic, record.partition)
    found = await positions_once(consumer, lambda found: found[partition].read_until is not None)
    read_until = found[partition].read_until
    assert read_until is not None
    assert read_until >= record.timestamp, "everything *before* that moment is done"
    await consumer.stop()


async def test_a_topic_that_does_not_exist_is_told_at_the_start(quick: Settings, topic: str) -> None:
    worked = Worked()
    consumer = Consumer(quick, service="reader", topics=["things", "thinsg"], work=worked.work, reject=worked.reject)
    with pytest.raises(topics.TopicsError, match=r"do not exist: .*thinsg.*koikarper topics"):
        await consumer.start()
    await consumer.stop()


async def test_more_members_than_partitions_stand_by_and_are_ready(
    quick: Settings, publisher: Publisher, until: Until
) -> None:
    await topics.ensure(quick, [Topic("things")])
    members = [consumer_of(quick.model_copy(update={"instance": str(number)}), Worked()) for number in range(2)]
    for member in members:
        await member.start()
    await until(lambda: all(member.ready().ok for member in members))
    assert sorted(len(member.assigned) for member in members) == [0, 1]
    for member in members:
        await member.stop()


async def test_a_header_name_that_is_no_utf_8_costs_nobody_a_record(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # noqa: PLC0415 - aiokafka has no py.typed
    from aiokafka.record.util import calc_crc32c  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    await fill(publisher, 100)
    odd = AIOKafkaProducer(bootstrap_servers=quick.kafka)
    await odd.start()
    batch = odd.create_batch()
    for number in range(3):
        batch.append(key=b"k", value=b"odd%d" % number, timestamp=None, headers=[("zzzz", b"%d" % number)])
    batch.close()
    build = batch._build

    def built() -> bytearray:
        data = bytearray(bytes(build()).replace(b"zzzz", b"z\xff\xfez"))
        data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4)
        return data

    batch._build = built
    await (await odd.send_batch(batch, quick.topic_prefix + "things", partition=0))
    await odd.stop()
    await fill(publisher, 100, 100)
    worked = Worked()
    consumer = consumer_of(quick, worked)
    await consumer.start()
    await until(lambda: len(worked) >= 203)
    await consumer.stop()
    assert sorted(value for value in worked.values if value and value.isdigit()) == sorted(
        b"%d" % n for n in range(200)
    )
    assert [record.headers for record in worked.records if record.value == b"odd1"] == [(("z??z", b"1"),)]


async def test_an_error_of_the_consumer_itself_stops_it_instead_of_losing_the_batch(
    quick: Settings, topic: str, publisher: Publisher, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = Worked()
    consumer = consumer_of(quick, worked)
    await consumer.start()
    await until(lambda: bool(consumer.assigned))

    def broken(_records: Sequence[Record]) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr(consumer._progress, "refuse_known", broken)
    await fill(publisher, 10)
    await until(lambda: consumer.ready().fatal)
    assert "a fault of ours" in consumer.ready().detail
    await consumer.stop()
    again = consumer_of(quick, worked)
    await again.start()
    await until(lambda: len(worked) >= 10)
    await again.stop()
    assert len(worked) == 10


async def test_a_topic_that_begins_again_while_it_is_read_stops_the_consumer(
    quick: Settings, topic: str, publisher: Publisher, until: Until
) -> None:
    worked = Worked()
    consumer = consumer_of(quick, worked)
    await fill(publisher, 50)
    await consumer.start()
    await until(lambda: len(worked) >= 50)
    partition = worked.records[-1].partition
    name = quick.topic_prefix + "things"
    consumer._progress._next |= {one: 1_000 for one in consumer._fence.partitions if one.topic == name}
    await fill(publisher, 50)
    await until(lambda: consumer.ready().fatal)
    assert "begins again" in consumer.ready().detail
    assert f"{name}-" in consumer.ready().detail
    assert partition in range(3)
    await consumer.stop()
    assert len(worked) == 50
