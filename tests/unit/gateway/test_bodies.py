"""What a body may be is read from its headers."""

import pytest
from starlette.datastructures import Headers

from events.envelope import BATCH, SIZE_MAX, STRUCTURED
from services.gateway.bodies import BATCH_SIZE_MAX, first_values, limit_of
from services.gateway.problems import Problem


def test_of_a_header_that_comes_twice_the_first_counts():
    headers = Headers(raw=[(b"content-type", b"a"), (b"accept", b"b"), (b"content-type", b"c")])
    assert first_values(headers) == {"content-type": headers["content-type"], "accept": "b"}


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({"content-type": STRUCTURED}, SIZE_MAX),
        ({"content-type": f"{STRUCTURED}; charset=utf-8", "ce-id": "1"}, SIZE_MAX),
        ({"content-type": BATCH}, BATCH_SIZE_MAX),
        ({"content-type": "application/json", "ce-id": "1"}, SIZE_MAX),
    ],
)
def test_an_event_and_a_batch_have_limits_of_their_own(headers, limit):
    assert limit_of(headers) == limit


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "text/plain", "ce-id": "1"},
        {"content-type": "application/cloudevents+xml", "ce-id": "1"},
        {"content-type": f"{STRUCTURED}; charset=latin-1"},
    ],
)
def test_what_can_be_no_event_is_of_no_type_that_is_read(headers):
    with pytest.raises(Problem) as refused:
        limit_of(headers)
    assert refused.value.status == 415
