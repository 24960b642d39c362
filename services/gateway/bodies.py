"""Reading a request's body up to a limit, and no further."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request

from events.envelope import BATCH, SIZE_MAX, STRUCTURED
from services.gateway.problems import Problem

BATCH_SIZE_MAX = 5 * 1024 * 1024
"""Bytes of one batch (contract 3)."""
DISCARDED_MAX = 2 * BATCH_SIZE_MAX
"""Bytes of a body that is too large which are still taken in, so that most clients live to read the answer."""

JSON = "application/json"


async def read_body(request: Request, limit: int) -> bytes:
    """The body; a problem 413 when it is over `limit` bytes, which is noticed before it is in memory."""
    parts: list[bytes] = []
    size = 0
    declared = request.headers.get("content-length", "")
    too_large = declared.isdigit() and int(declared) > limit
    more = True
    while more and not (too_large and size > DISCARDED_MAX):
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The connection ended before the body did.")
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        too_large = too_large or size > limit
        if not too_large:
            parts.append(part)
    if too_large:
        raise Problem(413, f"The body is over {limit} bytes; send less at once. Nothing of it was done.")
    return b"".join(parts)


def first_values(headers: Headers) -> dict[str, str]:
    """The first value of each header, as `Headers` has it, to be looked up many times."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(headers.raw)}


def media_type(headers: Mapping[str, str]) -> str:
    """The type of the body, without its parameters, in lower case."""
    return headers.get("content-type", "").split(";")[0].strip().lower()


def is_utf_8(headers: Mapping[str, str]) -> bool:
    """Whether the body's charset, if any is named, is UTF-8 or a part of it."""
    for parameter in headers.get("content-type", "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip(' "').lower() in ("utf-8", "utf8", "us-ascii")
    return True


def limit_of(headers: Mapping[str, str]) -> int:
    """How large the body of a call to `/v1/events` may be; a problem 415 when it can be no event."""
    found = media_type(headers)
    if not is_utf_8(headers):
        raise unsupported("The body must be in UTF-8.")
    if found == BATCH:
        return BATCH_SIZE_MAX
    if found == STRUCTURED:
        return SIZE_MAX
    binary = any(name.startswith("ce-") for name in headers) and (found == JSON or found.endswith("+json"))
    if binary and not found.startswith("application/cloudevents"):
        return SIZE_MAX
    raise unsupported(
        f"Send one event as {STRUCTURED}, a batch as {BATCH}, or {JSON} with the event's attributes in ce- headers."
    )


def require_json(headers: Mapping[str, str]) -> None:
    """A problem 415 unless the body is JSON."""
    if media_type(headers) != JSON or not is_utf_8(headers):
        raise unsupported(f"Send the body as {JSON}, in UTF-8.")


def unsupported(detail: str) -> Problem:
    """The problem of a body of another type; the header says what is read."""
    return Problem(415, detail, headers={"Accept-Post": f"{STRUCTURED}, {BATCH}, {JSON}"})
