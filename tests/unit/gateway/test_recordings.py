"""`Prefer: wait`, and what is no such thing."""

import pytest

from services.gateway.recordings import wait_seconds
from services.gateway.tracing import traceparent


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5),
        ("Wait = 5", 5),
        ('wait="5"', 5),
        ("respond-async, wait=5", 5),
        ("wait=5, respond-async", 5),
        ("wait=5; x=y, return=minimal", 5),
        ("wait=0", 0),
        ("wait=31", 30),
        ("wait=99999", 30),
        ("wait=-1", None),
        ("wait=soon", None),
        ("wait=5s", None),
        ("await=5", None),
        ("wait", None),
    ],
)
def test_the_seconds_are_read_and_bounded(prefer, seconds):
    assert wait_seconds(prefer) == seconds


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("header", "passed"),
    [
        (TRACE, TRACE),
        (TRACE.upper(), None),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", None),
        ("ff" + TRACE[2:], None),
        (TRACE + "-koi", None),
        ("", None),
    ],
)
def test_only_a_trace_is_passed_on(header, passed):
    assert traceparent({"traceparent": header}) == passed
