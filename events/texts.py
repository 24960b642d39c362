"""Free text: plain, limited in length, and without personal data of residents (AVG; contract 1)."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from events.faults import Fault

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NINE_DIGITS = re.compile(r"(?<!\w)\d{9}(?!\w)", re.ASCII)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
# Dutch numbers: +31, 0031 or 0, then nine more digits, with the separators that people use.
_PHONE = re.compile(r"(?<![\w+])(?:(?:\+|00)31[ \-.]*(?:\(0\)[ \-.]*)?|0)[1-9](?:[ \-.]*\d){8}(?!\w)", re.ASCII)
_BSN_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)

EXEMPT = frozenset({"caseReference", "code", "reach"})
"""Fields that are no free text: references, rule codes, and how the official named in an answer can be reached."""


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be plain text: it contains a control character")
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _text(limit: int) -> Any:
    return Annotated[str, StringConstraints(min_length=1, max_length=limit), AfterValidator(_plain)]


Word = _text(60)
Role = _text(100)
Short = _text(200)
Long = _text(2_000)
Description = _text(4_000)


def is_bsn(digits: str) -> bool:
    """Whether nine digits pass the 11-test of a citizen service number (BSN)."""
    total = sum(weight * int(digit) for weight, digit in zip(_BSN_WEIGHTS, digits, strict=True))
    return total % 11 == 0 and int(digits) > 0


def personal_data(value: Any, where: str = "data") -> Iterator[Fault]:
    """Every place under `value` (JSON) where free text holds a BSN, an e-mail address or a phone number."""
    if isinstance(value, str):
        found = _found_in(value)
        if found:
            yield Fault(where, f"contains {found}; leave personal data out and name people by their role")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in EXEMPT:
                yield from personal_data(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from personal_data(item, f"{where}[{index}]")


def _found_in(text: str) -> str | None:
    if any(is_bsn(match.group()) for match in _NINE_DIGITS.finditer(text)):
        return "a number that passes the BSN test"
    if "@" in text and _EMAIL.search(text):
        return "an e-mail address"
    return "a phone number" if _PHONE.search(text) else None
