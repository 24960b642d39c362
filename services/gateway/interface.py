"""The interface as an application: every route and every error, before there is anything behind it."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.gateway import problems
from services.gateway.direct import Direct
from services.gateway.routes import agreed, answers, assignments, documents, events, health, signals, waits

DIRECT: Direct = {("POST", events.PATH): events.send_events}
"""What the gateway answers before FastAPI (see `direct`)."""


def interface() -> FastAPI:
    """An application without parts; enough to describe itself (`openapi.document`). `app.build` gives it its parts."""
    # No pages of documentation: they load scripts from elsewhere.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=None)
    for routes in (events, signals, assignments, waits, agreed, documents, health):
        app.include_router(routes.router)
    app.include_router(answers.router())
    problems.install(app)
    return app


def paths(app: FastAPI) -> frozenset[str]:
    """The path templates of all routes, as in `/v1/signals/{id}`."""
    return frozenset(str(context.path) for context in iter_route_contexts(app.routes) if context.path)
