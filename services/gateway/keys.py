"""The public keys with which callers' tokens are signed: a JWKS from a file or a URL, kept and renewed."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

from services.runtime.checks import Check
from services.runtime.errors import SettingsError, TransientError

_log = logging.getLogger(__name__)

AGE_SECONDS_MAX = 300.0
"""A key that was withdrawn is accepted for no longer than this."""
PAUSE_SECONDS = 10.0
"""Between two fetches for keys that are not known: strangers cannot make the gateway flood the issuer."""
TIMEOUT_SECONDS = 5.0
BYTES_MAX = 1024 * 1024

Fetch = Callable[[], Awaitable[bytes]]


class Keys:
    """The keys at one place, by their id."""

    def __init__(self, place: str, *, clock: Callable[[], float] = time.monotonic, fetch: Fetch | None = None) -> None:
        """Nothing is read yet. Raises `SettingsError` when `place` names nothing."""
        if not place:
            raise SettingsError("jwks (KOIKARPER_JWKS): name the file or URL of the keys that sign callers' tokens")
        self._place = place
        self._remote = place.startswith(("https://", "http://"))
        self._fetch = fetch or (self._from_url if self._remote else self._from_file)
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._read_at = -float("inf")
        self._tried_at = -float("inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> Key | None:
        """The key with this id, or the only key when a token names none; None when there is no such key.

        Reads again when the key is unknown or the keys are old. Raises `TransientError` while there are no keys.
        """
        found = self._known(kid)
        if found is None or self._clock() - self._read_at > AGE_SECONDS_MAX:
            await self._renew()
            found = self._known(kid)
        return found

    async def open(self) -> None:
        """Read the keys for the first time: a file must be there, an issuer may come later."""
        try:
            await self.load()
        except TransientError as error:
            _log.warning("The gateway starts without keys and answers 503 until it has them: %s", error)

    def ready(self) -> Check:
        """Whether there are keys."""
        return Check("keys", ok=bool(self._keys), detail="" if self._keys else f"no keys from {self._place} yet")

    async def load(self) -> None:
        """Read the keys; raises `TransientError` when they cannot be read, `SettingsError` when it is a file."""
        try:
            self._keys = public_keys(await self._fetch())
            self._read_at = self._clock()
        except (OSError, ValueError, JoseError, httpx.HTTPError) as error:
            message = f"the keys at {self._place} cannot be read: {error}"
            raise TransientError(message) if self._remote else SettingsError(f"jwks: {message}") from error

    async def _renew(self) -> None:
        async with self._lock:
            if self._clock() - self._tried_at < self._pause():
                return
            self._tried_at = self._clock()
            try:
                await self.load()
            except (TransientError, SettingsError) as error:
                _log.warning("Going on with the keys that are known: %s", error)
        if not self._keys:
            raise TransientError(f"there are no keys at {self._place}")

    def _pause(self) -> float:
        return PAUSE_SECONDS if self._remote and self._keys else 1.0 if self._remote else 0.0

    def _known(self, kid: str | None) -> Key | None:
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.kid == kid), None)

    async def _from_file(self) -> bytes:
        return await asyncio.to_thread(Path(self._place).read_bytes)

    async def _from_url(self) -> bytes:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client, client.stream("GET", self._place) as answer:
            answer.raise_for_status()
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > BYTES_MAX:
                    raise ValueError(f"more than {BYTES_MAX} bytes")
            return content


def public_keys(content: bytes) -> tuple[Key, ...]:
    """The keys of a JWKS that can sign a token; a secret shared with callers (`oct`) is never one of them."""
    body = json.loads(content)
    if not isinstance(body, dict) or not isinstance(body.get("keys"), list):
        raise ValueError("it is no JWKS: it has no list of keys")  # noqa: TRY004 - the content is wrong, not a type
    keys = [key for key in KeySet.import_key_set({"keys": body["keys"]}) if isinstance(key, RSAKey | ECKey | OKPKey)]
    signing = tuple(key for key in keys if key.get("use") in (None, "sig"))
    if not signing:
        raise ValueError("it holds no public key to check signatures with")
    return signing
