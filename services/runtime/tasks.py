"""Ending what runs in the background."""

import asyncio


async def ended(task: "asyncio.Task[None] | None") -> None:
    """Cancel a background task and wait until it is over, however it ends; harmless without one."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
