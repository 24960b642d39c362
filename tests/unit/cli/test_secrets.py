"""`koikarper secrets`: what a stack keeps secret, made once."""

import json
import stat
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet
from typer.testing import CliRunner, Result

from services.cli import build
from services.local import keys


def make(folder: Path) -> Result:
    return CliRunner().invoke(build(), ["secrets", str(folder)])


def test_a_stack_gets_its_passwords_and_keys_and_none_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "secrets"
    said = make(folder)
    assert said.exit_code == 0
    owner, services, grafana = ((folder / f"{name}-password").read_text() for name in ("owner", "services", "grafana"))
    assert len({owner, services, grafana}) == 3
    assert len(owner) == len(services) == len(grafana) == 32
    database = "postgresql:5432/koikarper"
    assert (folder / "database-owner").read_text() == f"postgresql://koikarper:{owner}@{database}"
    assert (folder / "database").read_text() == f"postgresql://koikarper_services:{services}@{database}"
    assert not [secret for secret in (owner, services, grafana) if secret in said.output]


def test_its_containers_can_read_them_and_other_users_of_the_machine_cannot(tmp_path: Path) -> None:
    make(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for name in (
        "database",
        "database-owner",
        "services-password",
        "grafana-password",
        "keys/jwks.json",
        "keys/canary-token",
    ):
        assert stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) == 0o444
    assert stat.S_IMODE((tmp_path / "secrets" / "keys" / keys.PRIVATE).stat().st_mode) == 0o600


def test_a_token_of_these_keys_is_one_that_its_gateway_can_check(tmp_path: Path) -> None:
    make(tmp_path)
    token = CliRunner().invoke(build(), ["token", "team:noord", "--data-folder", str(tmp_path)]).output.strip()
    public = KeySet.import_key_set(json.loads((tmp_path / "keys" / "jwks.json").read_text()))
    assert jwt.decode(token, public).claims["team"] == "noord"


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    make(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    (tmp_path / "grafana-password").unlink()
    assert make(tmp_path).output == f"made {tmp_path / 'grafana-password'}\n"
    assert "none was changed" in make(tmp_path).output
    (tmp_path / "grafana-password").unlink()
    before.pop(tmp_path / "grafana-password")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = make(tmp_path / "file" / "secrets")
    assert said.exit_code == 1
    assert "cannot be made" in said.stderr
