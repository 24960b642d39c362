"""A small client of the gateway's HTTP API: one place that reads problems, and waits when asked to come back."""

import os
import time
from collections.abc import Callable
from typing import Any, Self
from uuid import UUID

import httpx

from services.runtime.errors import KoikarperError

DEFAULT_GATEWAY = "http://127.0.0.1:8080"
TIMEOUT_SECONDS = 40.0
"""Longer than the longest `Prefer: wait` (30 s) that the gateway allows."""
TRIES_MAX = 4
RETRY_AFTER_SECONDS_MAX = 10.0
PAGE = 200
_RETRIED = frozenset({502, 503, 504})
_HOPELESS = (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL)
"""Nobody listens, or the address is none: another try now finds the same."""


class GatewayError(KoikarperError):
    """The gateway refused, or did not answer; the text says what, where and what to do.

    `status` is None when there was no answer; `code` is the refusal code (contract 1.4) where there is one.
    """

    def __init__(self, message: str, status: int | None = None, problem: dict[str, Any] | None = None) -> None:
        self.status = status
        self.problem = problem or {}
        code = self.problem.get("code")
        self.code = str(code) if code else None
        super().__init__(message)


class Client:
    """Calls the gateway at `url` with a bearer `token`; use it as a context manager.

    A call that a repeat cannot harm is repeated while the gateway says that it is away for a moment: every GET, and a
    POST that says so with `repeatable` (an event with an id, or an `Idempotency-Key`).
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`transport` and `sleep` stand in for the network and the clock where a test has its own."""
        self.url = url.rstrip("/")
        self._sleep = sleep
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport)
        except httpx.InvalidURL as error:
            raise GatewayError(f"{url!r} is no address of a gateway: {error}") from None
        except UnicodeEncodeError:
            raise GatewayError("The token is none: it holds letters that no token has. Give it whole.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON at `path`; raises `GatewayError`."""
        return self._call("GET", path, repeatable=True, params=_given(parameters))

    def post(self, path: str, *, repeatable: bool = True, **body: Any) -> Any:
        """Send `json=…`, or `content=…` with `headers=…`; answers the JSON that came back. Raises `GatewayError`."""
        return self._call("POST", path, repeatable=repeatable, **body)

    def pages(self, path: str, *, most: int | None = None, **parameters: Any) -> list[Any]:
        """The items of a list, over its pages: all of them, or the first `most`."""
        items: list[Any] = []
        after: str | None = None
        while most is None or len(items) < most:
            page = self.get(path, **parameters, after=after)
            items += page["items"]
            after = page.get("next")
            if not after:
                break
        return items if most is None else items[:most]

    def assignments(self, department: str, *, most: int | None = None, **filters: Any) -> list[dict[str, Any]]:
        """The department's assignments, longest waiting first; `state`, `kind` and `overdue` filter."""
        return self.pages("/v1/assignments", most=most, department=department, limit=PAGE, **filters)

    def assignment(self, assignment: UUID | str) -> dict[str, Any]:
        """One assignment as the ledger knows it."""
        found: dict[str, Any] = self.get(f"/v1/assignments/{assignment}")
        return found

    def signal(self, signal: UUID | str) -> dict[str, Any]:
        """One signal with its assignments."""
        found: dict[str, Any] = self.get(f"/v1/signals/{signal}")
        return found

    def answer(
        self, assignment: UUID | str, verb: str, data: dict[str, Any], *, key: str, wait_seconds: int = 0
    ) -> dict[str, Any]:
        """Answer: `verb` is `acknowledge`, `hand-over`, `extend` or `resolve`; `data` is that of contract 1.2.

        The same `key` (`Idempotency-Key`) and data are the same event, however often they are sent. With
        `wait_seconds` (30 at most) it comes back once the ledger has recorded it, and `recorded` says whether.
        """
        headers = {"idempotency-key": key} | ({"prefer": f"wait={wait_seconds}"} if wait_seconds else {})
        answered: dict[str, Any] = self.post(f"/v1/assignments/{assignment}/{verb}", json=data, headers=headers)
        return answered

    def _call(self, method: str, path: str, *, repeatable: bool, **options: Any) -> Any:
        tries = TRIES_MAX if repeatable else 1
        for left in range(tries - 1, -1, -1):
            try:
                response = self._http.request(method, path, **options)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if left and not isinstance(error, _HOPELESS):
                    continue  # a connection that broke under way
                raise GatewayError(f"No gateway answers at {self.url} ({_text(error)}). {_WHAT_TO_DO}") from error
            if response.status_code not in _RETRIED or not left:
                return _body(response)
            self._sleep(_retry_after(response))
        raise AssertionError("unreachable: the last try returns or raises")


_WHAT_TO_DO = "Start one with `koikarper local`, or name another with --gateway or KOIKARPER_GATEWAY."


def gateway_url(given: str | None = None) -> str:
    """The gateway to speak to: what was given, else `KOIKARPER_GATEWAY`, else this machine's usual one."""
    return given or os.environ.get("KOIKARPER_GATEWAY") or DEFAULT_GATEWAY


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _retry_after(response: httpx.Response) -> float:
    try:
        asked = float(response.headers.get("retry-after", "1"))
    except ValueError:
        asked = 1.0
    return min(max(asked, 0.0), RETRY_AFTER_SECONDS_MAX)


def _body(response: httpx.Response) -> Any:
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and body is not None:
        return body
    problem = body if isinstance(body, dict) else {}
    raise GatewayError(_sentence(response, problem), response.status_code, problem)


def _sentence(response: httpx.Response, problem: dict[str, Any]) -> str:
    if not problem:
        return f"{response.url} answered {response.status_code}, and no JSON: is it a gateway of Koikarper?"
    what = problem.get("detail") or problem.get("title") or f"The gateway answered {response.status_code}"
    code = f" [{problem['code']}]" if problem.get("code") else ""
    return "\n".join([f"{what}{code}", *(f"  - {_fault(error)}" for error in problem.get("errors") or [])])


def _fault(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    event = "" if error.get("index") is None else f"event {error['index']}"
    return ": ".join(part for part in (event, error.get("path"), error.get("detail")) if part) or str(error)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
