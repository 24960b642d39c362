"""Patterns with `*`, `?` and `[…]` over what people write: capitals and runs of spaces make no difference."""

import re
from fnmatch import translate
from functools import lru_cache


def matches(pattern: str, text: str) -> bool:
    """Whether the glob covers the whole text."""
    return _compiled(pattern).match(_plain(text)) is not None


@lru_cache(maxsize=4096)  # every signal is held against every glob of the agreements
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(_plain(pattern)))


def has_wildcard(pattern: str) -> bool:
    """Whether the glob can match more than one text."""
    return any(character in pattern for character in "*?[")


def fault_of(pattern: str) -> str | None:
    """What is wrong with a glob, and what to do; None when it is sound."""
    if not pattern.strip():
        return "an empty pattern matches nothing; remove it, or write `*` for everything"
    if "[" in pattern and "]" not in pattern[pattern.index("[") + 2 :]:
        return f"`[` without `]` in {pattern!r}; write `[[]` for the character itself"
    return None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
