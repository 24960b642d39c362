"""A session that broke is a seat that is lost, in whatever way it broke."""

import asyncio
from typing import Any

import asyncpg
import pytest

from services.relay.seat import Seat, SeatLost


class Broken:
    """A connection that PostgreSQL ended in the middle of an answer."""

    async def execute(self, *_: Any) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")


async def test_a_session_that_ended_in_the_middle_of_an_answer_is_lost_and_does_not_end_the_relay() -> None:
    connection: Any = Broken()
    with pytest.raises(SeatLost, match="another operation"):
        await Seat(connection, "town", asyncio.Event()).delete([])
