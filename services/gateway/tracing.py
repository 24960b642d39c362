"""The trace of a call (W3C Trace Context), passed on as an extension of the event."""

import re
from collections.abc import Mapping

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent(headers: Mapping[str, str]) -> str | None:
    """The header as it came, where it is one."""
    found = headers.get("traceparent", "")
    return found if _TRACEPARENT.fullmatch(found) and not found.startswith("ff") else None
