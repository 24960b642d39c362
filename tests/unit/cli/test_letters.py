"""A dead letter on a terminal: its content whole and harmless, whatever bytes it has."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from services.cli.letters import SHOWN_MAX, as_json, as_shown, content
from services.cli.output import harmless

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def letter(**changes: Any) -> Any:
    """A row as `mending` reads it."""
    own = {
        "nr": 7,
        "topic": "department.permits.answers",
        "partition": 0,
        "offset": 3,
        "received_at": AT,
        "read_topic": "loop.retries",
        "read_partition": 0,
        "read_offset": 1,
        "at": AT,
        "reason": "not-json",
        "message": "no JSON",
        "attempts": 1,
        "sender": "department:permits",
        "size": 4,
        "whole": True,
        "key": b"key",
        "value": b"\xff\x00",
        "headers": [["ce_id", encoded(b"1")], ["koikarper.errors.reason", encoded(b"not-json")]],
        "state": "open",
        "settled_at": None,
        "settled_by": None,
        "settled_because": None,
    }
    return SimpleNamespace(**own | changes)


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    lines = list(as_shown(letter(), []))
    assert lines[-2:] == ["Value:", "ff 00"]
    assert "Key: key" in lines


def test_headers_that_say_why_are_not_told_twice() -> None:
    shown = "\n".join(as_shown(letter(), []))
    assert "ce_id: 1" in shown
    assert "koikarper.errors" not in shown


def test_json_is_laid_out_and_what_is_long_is_cut_with_the_way_to_all_of_it() -> None:
    assert '  "a": 1' in list(as_shown(letter(value=b'{"a": 1}'), []))[-1]
    cut = list(as_shown(letter(value=b"x" * (SHOWN_MAX + 1)), []))[-1]
    assert cut.endswith("(`--value` gives all of it)")


def test_one_that_is_settled_says_by_whom_and_why_and_has_no_bytes() -> None:
    row = letter(state="discarded", settled_at=AT, settled_by="operations", settled_because="sent again", value=None)
    lines = list(as_shown(row, [letter(nr=5, state="retried", settled_at=AT, settled_by="operations")]))
    assert lines[0] == "Dead letter 7: discarded by operations at 2026-03-02T09:00:00.000Z (sent again)"
    assert lines[-1] == "Its bytes are not here any more."
    assert any("dead letter 5: retried by operations" in line for line in lines)


def test_one_that_is_too_large_says_that_it_cannot_be_retried() -> None:
    assert any("too large to be kept whole or retried" in line for line in as_shown(letter(whole=False), []))


def test_programs_get_every_byte() -> None:
    found = content(letter())
    assert (found["value"], found["text"]) == (encoded(b"\xff\x00"), None)
    assert as_json(letter())["read"] == {"topic": "loop.retries", "partition": 0, "offset": 1}


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b2J", "\x07", "\u202e"])
def test_what_a_sender_wrote_cannot_steer_the_terminal(hostile: str) -> None:
    assert harmless(f"a{hostile[0]}b\nc\té", keep="\n\t") == "a\N{REPLACEMENT CHARACTER}b\nc\té"
