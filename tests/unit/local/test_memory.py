"""What the embedded server takes of the machine's memory."""

import pytest

from services.local import memory
from services.local.memory import memory_bytes
from services.local.postgres import shared_mb

GB = 2**30


@pytest.mark.parametrize(
    ("of", "shared"), [(0, 64), (GB // 2, 64), (2 * GB, 256), (4 * GB, 512), (8 * GB, 1024), (64 * GB, 1024)]
)
def test_the_server_shares_an_eighth_of_the_memory_within_bounds(of, shared):
    assert shared_mb(of) == shared


@pytest.mark.parametrize(("told", "known"), [("1073741824\n", True), ("max\n", False), (str(2**62), False)])
def test_what_a_container_may_take_counts_where_it_is_less_than_the_machine(monkeypatch, tmp_path, told, known):
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "absent",))
    machine = memory_bytes()
    assert machine > GB
    (tmp_path / "memory.max").write_text(told)
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "memory.max", tmp_path / "absent"))
    assert memory_bytes() == (GB if known else machine)
