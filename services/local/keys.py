"""The keys of one machine: a JWKS that the gateway checks tokens against, and tokens signed with its private half."""

import json
import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from events.signals import CANARY
from services.local.folder import write_whole

LIFETIME_SECONDS = 12 * 3600
CANARY_LIFETIME_SECONDS = 366 * 24 * 3600
"""Made anew at each start; and the key that could make more lies beside it."""
PRIVATE = "signing-key.json"
PUBLIC = "jwks.json"
CANARY_TOKEN = "canary-token"  # noqa: S105 - the name of a file


def jwks(folder: Path) -> Path:
    """The file with the public keys, made with their private half where absent; readable by its owner only."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (keys / PRIVATE).exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        write_whole(keys / PUBLIC, json.dumps({"keys": [key.as_dict(private=False)]}))
        write_whole(keys / PRIVATE, json.dumps(key.as_dict(private=True)))
    return keys / PUBLIC


def token(
    folder: Path,
    subject: str,
    *,
    issuer: str = "koikarper",
    audience: str = "koikarper",
    lifetime_seconds: int = LIFETIME_SECONDS,
) -> str:
    """A JWT for `team:CODE`, `department:CODE` or `operator`, signed with the keys of this folder.

    Raises ValueError for another subject, FileNotFoundError when the folder has no keys.
    """
    now = int(time.time())
    registered = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + lifetime_seconds}
    key = ECKey.import_key(json.loads((folder / "keys" / PRIVATE).read_text()))
    return jwt.encode({"alg": "ES256", "kid": key.kid}, registered | _claim(subject), key)


def canary_token(folder: Path) -> Path:
    """The file with a fresh token for the canary, signed with the keys of this folder; its owner's only."""
    file = folder / "keys" / CANARY_TOKEN
    write_whole(file, token(folder, f"team:{CANARY}", lifetime_seconds=CANARY_LIFETIME_SECONDS))
    return file


def _claim(subject: str) -> dict[str, str]:
    if subject == "operator":
        return {"role": "operator"}
    kind, _, code = subject.partition(":")
    if kind not in {"team", "department"} or not code:
        raise ValueError(f"{subject!r} is no caller: use team:CODE, department:CODE or operator")
    return {kind: code}
