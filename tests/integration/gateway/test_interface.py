"""The interface keeps to its own document, whatever is sent to it (schemathesis)."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks

from services.gateway.interface import interface
from services.gateway.openapi import document

DOCUMENT = document(interface())
OPERATIONS = [
    (caller, method, path)
    for path, item in DOCUMENT["paths"].items()
    for method in item
    for caller in (("team:noord", "department:permits") if method == "post" else ("team:noord",))
]
EXAMPLES_MAX = 20
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
)
"""Not: that all generated data are accepted, for no schema knows who the caller is or which codes the town has."""


# The server lives in another thread of this process, and its clients use `random` while hypothesis looks.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize(("caller", "method", "path"), OPERATIONS, ids=lambda value: value.strip("/"))
async def test_every_answer_is_as_documented(town: Any, caller: str, method: str, path: str) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    checks.load_all_checks()
    wanted = checks.CHECKS.get_by_names(CHECKS)
    headers = {"Authorization": f"Bearer {town.issuer.token(caller)}"}

    modes = st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])

    @given(case=modes.flatmap(lambda mode: operation.as_strategy(generation_mode=mode)))
    @hypothesis_settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def try_it(case: Any) -> None:
        case.call_and_validate(base_url=f"{town.url}/v1", headers=headers, checks=wanted)

    await asyncio.to_thread(try_it)
