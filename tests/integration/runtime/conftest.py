"""What the runtime's tests share: topics of their own, records written and gathered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from events.catalogue import Topic
from services.runtime import topics
from services.runtime.broker import Publisher
from services.runtime.settings import Settings


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Settings whose waits are short."""
    return settings.model_copy(
        update={"backoff_first": settings.batch_timeout, "backoff_max": settings.batch_timeout * 10}
    )


@pytest_asyncio.fixture
async def topic(quick: Settings) -> str:
    """A topic of three partitions, and the one for dead letters."""
    await topics.ensure(quick, [Topic("things", partitions=3), Topic("dead-letters")])
    return "things"


@pytest_asyncio.fixture
async def publisher(quick: Settings) -> AsyncIterator[Publisher]:
    sender = Publisher(quick)
    await sender.start()
    yield sender
    await sender.stop()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits until something is so; the pytest timeout ends a wait that never ends."""

    async def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in many places
                await asyncio.sleep(0.01)

    return wait
