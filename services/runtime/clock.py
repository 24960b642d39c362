"""The clock is an argument wherever time matters; this is the real one."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers with the present moment, aware, in UTC."""


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
