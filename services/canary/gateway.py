"""The gateway as the canary meets it: one call, with a token that is read anew each time, for tokens are renewed."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from events.envelope import STRUCTURED, encode
from services.runtime.errors import PermanentError, SettingsError, TransientError
from services.runtime.settings import Settings

TIMEOUT_SECONDS = 15.0
DETAIL_LENGTH_MAX = 300
_BAD_EVENT = frozenset({400, 409, 413})
"""Saying it again finds the same. A token that is refused (401, 403) is replaced by somebody in the end."""


class Gateway:
    """Sends events as the team `canary`."""

    def __init__(self, settings: Settings) -> None:
        """Raises `SettingsError` when no file with a token is named."""
        if settings.canary_token_file is None:
            raise SettingsError(
                "canary_token_file (KOIKARPER_CANARY_TOKEN_FILE): name the file that holds a token with the claim "
                "team: canary, signed as the gateway expects it"
            )
        self._token_file: Path = settings.canary_token_file
        self._url = settings.canary_gateway
        self._http: httpx.AsyncClient | None = None

    async def send(self, event: dict[str, Any]) -> None:
        """Returns when the broker has the event; raises `TransientError`, or `PermanentError` for a bad event."""
        try:
            token = (await asyncio.to_thread(self._token_file.read_text)).strip()
            headers = {"authorization": f"Bearer {token}", "content-type": STRUCTURED}
            response = await self._client().post("/v1/events", content=encode(event), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise TransientError(f"{self._url}: {error or type(error).__name__}") from error
        if not response.is_success:
            message = f"{self._url} answered {response.status_code}: {_detail(response)}"
            raise (
                PermanentError("unreadable", message) if response.status_code in _BAD_EVENT else TransientError(message)
            )

    async def close(self) -> None:
        """Let go of the connection; harmless when there is none."""
        client, self._http = self._http, None
        if client is not None:
            await client.aclose()

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_SECONDS)
        return self._http


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "no gateway of Koikarper?"
    return str(detail)[:DETAIL_LENGTH_MAX]
