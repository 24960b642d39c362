"""Kafka's own commits: one at a time, the newest word goes with the next, and none is left behind."""

import asyncio
from collections.abc import Mapping

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import CommitFailedError  # type: ignore[import-untyped]  # as above

from services.runtime.commits import Commits

A, B = TopicPartition("signals", 0), TopicPartition("signals", 1)


class Slow:
    """Takes a commit, and answers when it is let."""

    def __init__(self) -> None:
        self.told: list[dict[TopicPartition, int]] = []
        self.may_answer = asyncio.Event()
        self.fails = False

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.told.append(dict(offsets))
        await self.may_answer.wait()
        if self.fails:
            raise CommitFailedError


async def test_what_is_done_while_a_commit_is_under_way_goes_together_with_the_next_and_nobody_waits() -> None:
    kafka, commits = Slow(), Commits()
    commits.begin(kafka, {A: 500})
    await asyncio.sleep(0)
    commits.begin(kafka, {A: 1_000})
    commits.begin(kafka, {A: 1_500, B: 7})
    assert kafka.told == [{A: 500}]
    kafka.may_answer.set()
    await commits.settled()
    assert kafka.told == [{A: 500}, {A: 1_500, B: 7}]


async def test_a_commit_that_fails_is_followed_by_the_next() -> None:
    kafka, commits = Slow(), Commits()
    kafka.may_answer.set()
    kafka.fails = True
    commits.begin(kafka, {A: 500})
    await commits.settled()
    kafka.fails = False
    commits.begin(kafka, {A: 1_000})
    await commits.settled()
    assert kafka.told == [{A: 500}, {A: 1_000}]
    await commits.settled()
