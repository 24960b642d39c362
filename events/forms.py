"""String types that say what they must be: once for the model's error, once for the published JSON Schema.

pydantic's own pattern check names a regular expression, which helps nobody who mistyped a code.
"""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"  # all but tab, line feed and carriage return
_PLAIN = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"
_HAS_CONTROL = re.compile(f"[{_CONTROL}]")


@dataclass(frozen=True, slots=True)
class Form:
    """Metadata of a string that has one form; `must_be` completes the sentence "must be …"."""

    pattern: str  # anchored; without `\d` and `\w`, which engines read differently
    must_be: str
    length_max: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A string, then its length, then its form: checked by pydantic's core, for each event has ten of them."""
        short = core_schema.str_schema(max_length=self.length_max)
        formed = core_schema.str_schema(pattern=self.pattern)
        steps = (short, f"must have at most {self.length_max} characters"), (formed, f"must be {self.must_be}")
        checks = (core_schema.custom_error_schema(step, "form", custom_error_message=said) for step, said in steps)
        return core_schema.chain_schema([handler(source), *checks])

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "pattern": self.pattern, "maxLength": self.length_max}


@dataclass(frozen=True, slots=True)
class Text:
    """Metadata of plain text for people: not blank, no control characters, at most `length_max` characters."""

    length_max: int

    def check(self, text: str) -> str:
        """`text` when it is plain text; ValueError with a sentence when not."""
        if len(text) > self.length_max:
            raise ValueError(f"must have at most {self.length_max} characters, and has {len(text)}")
        if _HAS_CONTROL.search(text):
            raise ValueError("must be plain text: it contains a control character")
        if not text.strip():
            raise ValueError("must not be blank")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "minLength": 1, "maxLength": self.length_max, "pattern": _PLAIN}
