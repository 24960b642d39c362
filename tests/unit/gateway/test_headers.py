"""What a caller can read."""

import pytest

from services.gateway.headers import accepts_json


@pytest.mark.parametrize(
    ("accept", "can"),
    [
        ([], True),
        ([""], True),
        (["*/*"], True),
        (["application/json"], True),
        (["application/problem+json"], True),
        (["Application/*;q=0.1"], True),
        (["text/html", "application/json"], True),
        (["text/html,application/json;q=0.5"], True),
        (["text/html"], False),
        (["application/json;q=0"], False),
        (["application/json; q=0.000, text/*"], False),
        (["json"], False),
    ],
)
def test_json_is_acceptable_or_it_is_not(accept, can):
    assert accepts_json(accept) == can
