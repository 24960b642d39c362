"""A static member that comes back gets its place without a rebalance, and yet the group reads what it asks for now."""

from collections.abc import Awaitable, Callable, Sequence

from events.catalogue import Topic
from services.runtime import topics
from services.runtime.broker import Message, Publisher
from services.runtime.consumer import Consumer
from services.runtime.errors import PermanentError
from services.runtime.records import Record
from services.runtime.settings import Settings

Until = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_a_topic_that_restarted_members_ask_for_now_is_read(
    quick: Settings, publisher: Publisher, until: Until
) -> None:
    await topics.ensure(quick, [Topic("old"), Topic("new")])
    seen: list[Record] = []

    async def work(batch: Sequence[Record]) -> None:
        seen.extend(batch)

    async def reject(_record: Record, error: PermanentError, _attempts: int) -> None:
        raise error

    async def member(instance: str, *names: str) -> Consumer:
        own = quick.model_copy(update={"instance": instance})
        started = Consumer(own, service="reader", topics=names, work=work, reject=reject)
        await started.start()
        return started

    members = {"0": await member("0", "old")}
    await until(lambda: members["0"].ready().ok)
    members["1"] = await member("1", "old")
    await until(lambda: members["1"].ready().ok and members["0"].ready().ok)
    for instance in ("0", "1"):
        await members[instance].stop()
        members[instance] = await member(instance, "old", "new")
        await until(lambda one=members[instance]: one.ready().ok)  # type: ignore[misc]  # bound at once
    await publisher.send_all([Message("new", b"k", b"of the new topic")])
    try:
        await until(lambda: [record.value for record in seen] == [b"of the new topic"])
    finally:
        for one in members.values():
            await one.stop()
