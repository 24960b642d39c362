"""`POST /v1/assignments/{id}/acknowledge` and the like: answers without an envelope."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response

from events.catalogue import INPUTS
from events.envelope import SIZE_MAX, encode
from services.gateway import bodies, sending
from services.gateway.answering import CALLS, check_with_ledger, event_of, subject_of, type_of
from services.gateway.parts import ThisCaller, ThisGateway
from services.gateway.routes.events import Accepted, Prefer, wait_for

IDEMPOTENCY_KEY_MAX = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=IDEMPOTENCY_KEY_MAX,
        description="The same key of the same caller is the same event, so a repeat counts once. Such an event has no "
        "`time`; the broker's moment is what counts anyway.",
    ),
]
Id = Annotated[UUID, Path(description="The assignment or signal that is answered.")]
Endpoint = Callable[..., Coroutine[Any, Any, Accepted]]


def router() -> APIRouter:
    """One route for each kind of answer."""
    routes = APIRouter()
    for call in CALLS:
        subject = subject_of(call)
        verb, *rest = call.split("-")
        routes.add_api_route(
            f"/v1/{subject}s/{{id}}/{call}",
            _endpoint(call),
            methods=["POST"],
            status_code=202,
            response_model=Accepted,
            response_model_exclude_unset=True,
            operation_id=verb + "".join(word.title() for word in rest) + ("" if rest else subject.title()),
            summary=f"{call.replace('-', ' ').capitalize()}: {subject}",
            description=INPUTS[type_of(call)].model.__doc__,
            tags=[f"{subject}s"],
        )
    return routes


def _endpoint(call: str) -> Endpoint:
    async def answer(
        id: Id,  # noqa: A002 - the name in the path of contract 3
        request: Request,
        response: Response,
        caller: ThisCaller,
        parts: ThisGateway,
        prefer: Prefer = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Accepted:
        bodies.require_json(request.headers)
        body = await bodies.read_body(request, SIZE_MAX)
        event = event_of(call, id, body, idempotency_key, caller, parts)
        signal = await check_with_ledger(event, caller, parts)
        accepted = await sending.send(parts, request, caller, [event], [encode(event.raw)], [signal])
        done = Accepted(accepted=accepted)
        applied, recorded = await wait_for(parts, [event], prefer)
        if recorded is not None:
            done.recorded = recorded
        response.headers.update(applied)
        return done

    return answer
