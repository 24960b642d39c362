"""The issuer's keys: kept, renewed when they must be, and never a shared secret."""

import json

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.gateway.keys import AGE_SECONDS_MAX, PAUSE_SECONDS, Keys, public_keys
from services.runtime.errors import SettingsError, TransientError


def ec(kid: str | None = None, **parameters: str) -> ECKey:
    return ECKey.generate_key("P-256", parameters | ({"kid": kid} if kid else {}), auto_kid=kid is None)


def jwks(*keys: ECKey | RSAKey | OctKey) -> bytes:
    return json.dumps({"keys": [key.as_dict() for key in keys]}).encode()


class Issuer:
    """A place with keys, and a clock that is set by hand."""

    def __init__(self, *keys: ECKey) -> None:
        self.content: bytes | Exception = jwks(*keys)
        self.fetched = 0
        self.seconds = 0.0
        self.keys = Keys("https://issuer.example/jwks", clock=lambda: self.seconds, fetch=self.fetch)

    async def fetch(self) -> bytes:
        self.fetched += 1
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


async def test_keys_are_fetched_once_and_found_by_their_id():
    one, two = ec("1"), ec("2")
    issuer = Issuer(one, two)
    for _ in range(3):
        assert (await issuer.keys.find("2")).thumbprint() == two.thumbprint()
    assert issuer.fetched == 1


async def test_an_unknown_id_makes_the_keys_be_read_again_but_not_in_a_flood():
    issuer = Issuer(ec("1"))
    await issuer.keys.find("1")
    issuer.seconds += PAUSE_SECONDS + 1
    issuer.content = jwks(ec("2"))
    assert await issuer.keys.find("2") is not None
    for number in range(10):
        assert await issuer.keys.find(f"stranger {number}") is None
    assert issuer.fetched == 2


async def test_a_key_that_was_withdrawn_is_not_accepted_for_long():
    issuer = Issuer(ec("1"))
    assert await issuer.keys.find("1") is not None
    issuer.content = jwks(ec("2"))
    issuer.seconds += AGE_SECONDS_MAX + 1
    assert await issuer.keys.find("1") is None


async def test_keys_that_are_known_hold_while_the_issuer_is_away():
    issuer = Issuer(ec("1"))
    await issuer.keys.find("1")
    issuer.content = httpx.ConnectError("away")
    issuer.seconds += AGE_SECONDS_MAX + 1
    assert await issuer.keys.find("1") is not None


async def test_without_any_key_a_caller_is_told_to_come_back():
    issuer = Issuer(ec("1"))
    issuer.content = httpx.ConnectError("away")
    with pytest.raises(TransientError):
        await issuer.keys.find("1")
    issuer.content = jwks(ec("1"))
    issuer.seconds += 2
    assert await issuer.keys.find("1") is not None


async def test_a_token_without_an_id_is_of_the_only_key_or_of_none():
    assert await Issuer(ec("1")).keys.find(None) is not None
    assert await Issuer(ec("1"), ec("2")).keys.find(None) is None


async def test_a_file_of_keys_is_read_again_when_a_key_is_new(tmp_path):
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(ec("1")))
    keys = Keys(str(file))
    assert await keys.find("1") is not None
    file.write_bytes(jwks(ec("1"), ec("2")))
    assert await keys.find("2") is not None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}', b'{"keys": [5]}'])
async def test_a_file_without_keys_is_named(tmp_path, content):
    file = tmp_path / "jwks.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"jwks\.json"):
        await Keys(str(file)).open()


def test_no_place_for_keys_is_a_wrong_setting():
    with pytest.raises(SettingsError, match="KOIKARPER_JWKS"):
        Keys("")


def test_shared_secrets_and_keys_for_encryption_are_left_out():
    good = ec("good")
    secret = OctKey.generate_key(256, {"kid": "secret"})
    sealing = ec("sealing", use="enc")
    assert [key.kid for key in public_keys(jwks(good, secret, sealing))] == ["good"]
    with pytest.raises(ValueError, match="no public key"):
        public_keys(jwks(secret))
