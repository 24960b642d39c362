"""Free text: plain, limited in length, and without personal data of residents (AVG; contract 1)."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from events.faults import Fault
from events.forms import Text

Word = Annotated[str, Text(60)]
Role = Annotated[str, Text(100)]
Short = Annotated[str, Text(200)]
Long = Annotated[str, Text(2_000)]
Description = Annotated[str, Text(4_000)]

REFERENCES = frozenset({"data.caseReference", "rule.code", "rules.code"})
"""Fields that are no free text: opaque references and rule codes (contract 1)."""
REACH = "contact.reach"
"""How the official named in an answer is reached: an e-mail address or a phone number by nature, a BSN never."""

_NINE_DIGITS = re.compile(r"(?<!\w)(?<!\d[.,])\d{9}(?!\w|[.,]\d)", re.ASCII)
_BSN_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
# Each pattern begins at one character and is bounded, so that no text makes the search slow.
_EMAIL = re.compile(r"[\w.+-]@[\w-]{1,63}\.[\w-]")
# Dates and times of day look like phone numbers once separators are allowed ("01-02-2026 10.30"): they go first.
_DATE = re.compile(r"(?<!\d)(?:[0-3]?\d([-./])[01]?\d\1(?:19|20)\d\d|(?:19|20)\d\d-[01]\d-[0-3]\d)(?!\d)", re.ASCII)
_HOURS = re.compile(r"(?<![\d.])\d\d[.:]\d\d ?[-\u2013] ?\d\d[.:]\d\d(?![\d.])", re.ASCII)
_SEPARATOR = r"(?:[ .\u2013-]|\ -\ )?"
_PHONE = re.compile(
    rf"""(?<![\w+])(?<!\d[.,])(?:
        (?:\+|00)31{_SEPARATOR}(?:\(0\))?{_SEPARATOR}[1-9](?:{_SEPARATOR}\d){{8}}    # +31 6 12345678, 0031 (0)20 …
      | \(?06\)?{_SEPARATOR}[1-58](?:{_SEPARATOR}\d){{7}}                            # 06-12345678, 06 12 34 56 78
      | \(?0[1-57-9]\d\)?{_SEPARATOR}\d(?:{_SEPARATOR}\d){{6}}                       # 020-1234567, (020) 123 45 67
      | \(?0[1-57-9]\d\d\)?{_SEPARATOR}\d(?:{_SEPARATOR}\d){{5}}                     # 0343-123456
      | \+(?!31)[1-9]\d{{0,2}}(?:[ -]?\d){{8,12}}                                    # +32 470 12 34 56
    )(?!\w|[.,]\d)""",
    re.ASCII | re.VERBOSE,
)
# What each of the others needs: none of them finds anything in a text in which this finds nothing. Between two digits
# of a phone number there are at most four characters, and no letter: few UUIDs are suspects.
_SUSPECT = re.compile(r"[0+](?:[^0-9A-Za-z]{0,4}[0-9]){8}|@|[0-9]{9}")
_BETWEEN = "\n" * 5
"""Stands between texts that are searched as one: nothing that is searched for goes over it."""


def is_bsn(digits: str) -> bool:
    """Whether nine digits pass the 11-test of a citizen service number (BSN)."""
    total = sum(weight * int(digit) for weight, digit in zip(_BSN_WEIGHTS, digits, strict=True))
    return total % 11 == 0 and int(digits) > 0


def personal_data(value: Any, where: str = "data") -> Iterator[Fault]:
    """Every place under `value` (JSON) where free text holds a BSN, an e-mail address or a phone number.

    `where` is the path of `value`, for the reader of the fault.
    """
    if _is_suspect(value):
        yield from _places(value, where, "data")


def _is_suspect(value: Any) -> bool:
    """Whether any text under `value` has what all personal data have; most events have none of it."""
    return _SUSPECT.search(_BETWEEN.join(_texts(value, []))) is not None


def _texts(value: Any, found: list[str]) -> list[str]:
    """`found` with every text under `value` (JSON)."""
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, str):  # most are, and need no call
                found.append(item)
            else:
                _texts(item, found)
    return found


def _places(value: Any, where: str, field: str) -> Iterator[Fault]:
    """The faults under `value`; `field` is the last two names of its path, lists left out."""
    if isinstance(value, str):
        found = None if field in REFERENCES else _found_in(value, may_be_reached=field == REACH)
        if found:
            yield Fault(where, f"contains {found}; leave personal data out and name people by their role")
    elif isinstance(value, dict):
        parent = field.rpartition(".")[2]
        for key, item in value.items():
            yield from _places(item, f"{where}.{key}", f"{parent}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, f"{where}[{index}]", field)


def _found_in(text: str, *, may_be_reached: bool) -> str | None:
    if any(is_bsn(match.group()) for match in _NINE_DIGITS.finditer(text)):
        return "a number that passes the BSN test"
    if may_be_reached:
        return None
    if "@" in text and _EMAIL.search(text):
        return "an e-mail address"
    return "a phone number" if _has_phone(text) else None


def _has_phone(text: str) -> bool:
    if "0" not in text and "+" not in text:  # every number begins with one of them, and most texts hold neither
        return False
    return bool(_PHONE.search(_HOURS.sub("·", _DATE.sub("·", text))))
