"""`POST /v1/events`: signals and answers as CloudEvents."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from events.envelope import digest
from events.reading import Event
from services.gateway import admission, bodies, sending
from services.gateway.parts import Parts, ThisCaller, ThisGateway
from services.gateway.recordings import WAIT_SECONDS_MAX, wait_seconds
from services.gateway.sending import AcceptedEvent

PATH = "/v1/events"

router = APIRouter(tags=["events"])

Prefer = Annotated[
    str | None,
    Header(
        description=f"`wait=N`: answer once the ledger has recorded everything, or after N seconds (at most "
        f"{WAIT_SECONDS_MAX}); `recorded` says which."
    ),
]


class Accepted(BaseModel):
    """Everything in the request is with the broker, on all replicas."""

    accepted: list[AcceptedEvent]
    recorded: bool | None = Field(
        None,
        description="Only with `Prefer: wait`: whether the ledger had recorded everything when this was answered. "
        "When not, it will as soon as it can; nothing needs to be sent again.",
    )


@router.post(
    PATH,
    operation_id="sendEvents",
    status_code=202,
    response_model=Accepted,
    summary="Send one event, or a batch",
)
async def send_events(request: Request, caller: ThisCaller, parts: ThisGateway, prefer: Prefer = None) -> Response:
    """Send signals or answers of the caller's own.

    One event in structured or binary mode, or a batch. All of it is accepted, or nothing. A repeat of an event (the
    same source and id) counts once, so repeating a request is always safe.
    """
    headers = bodies.first_values(request.headers)
    body = await bodies.read_body(request, bodies.limit_of(headers))
    pairs = [(name.decode("latin-1"), value) for name, value in request.headers.raw]
    submission = admission.read(pairs, bodies.media_type(headers), body)
    events = admission.admit(submission, caller, parts.agreements, parts.clock())
    known = await parts.looks.known(events)
    if known is not None:
        sending.refuse_known(submission, events, known, caller)
    signals = sending.signals_of(events, known)
    accepted = await sending.send(parts, request, caller, events, submission.encoded, signals)
    answer: dict[str, Any] = {"accepted": accepted}
    applied, recorded = await wait_for(parts, events, prefer)
    if recorded is not None:
        answer["recorded"] = recorded
    return Response(to_json(answer), 202, applied, media_type="application/json")


async def wait_for(parts: Parts, events: list[Event], prefer: str | None) -> tuple[dict[str, str], bool | None]:
    """Do as `Prefer: wait` asks.

    The header that says so, `Preference-Applied` (RFC 7240), and whether all is recorded; nothing and None when
    nobody asks to wait.
    """
    seconds = wait_seconds(prefer)
    if seconds is None:
        return {}, None
    digests = {(event.source, event.id): digest(event.raw) for event in events}
    return {"Preference-Applied": f"wait={seconds}"}, await parts.recordings.wait(digests, seconds)
