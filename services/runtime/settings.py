"""Settings: from the environment (`KOIKARPER_…`), over files of secrets, over a TOML file, over defaults.

Each setting is a field below; `KOIKARPER_KAFKA` sets `kafka`. `KOIKARPER_SECRETS` names a folder where the file
`database` holds the setting `database`: an environment shows in `docker inspect` and in a crash's report, a file does
not. `KOIKARPER_SETTINGS` names the TOML file. A wrong setting is refused by name, and no value is shown.
"""

import difflib
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from services.runtime.errors import SettingsError

ENV_PREFIX = "KOIKARPER_"
FILE_VARIABLE = "KOIKARPER_SETTINGS"
SECRETS_VARIABLE = "KOIKARPER_SECRETS"

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{0,60}$")]
Schema = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,48}$")]
Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(ge=1)]


def _seconds(value: object) -> object:
    """A number of seconds is text in the environment, and pydantic takes no number for a span in text."""
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str) else value
    except (ValueError, OverflowError):
        return value


Span = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
"""Seconds as a number, or ISO 8601 as in `PT5S`."""


class Settings(BaseSettings):
    """Everything that differs between deployments. Read it with `load()`, which turns mistakes into clear errors."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    agreements: Path = Path("agreements.yaml")
    instance: str = Field("0", pattern=r"^[A-Za-z0-9._-]{0,60}$")
    """The ordinal of this worker, for static membership; empty: none (a deployment that surges)."""
    settle: Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0))] = timedelta(seconds=60)
    """Clock skew and `replica.lag.time.max.ms`, before a deadline is called missed."""
    stall_max: Span = timedelta(seconds=60)
    """How long the timekeeper's horizon may stand still before it is told."""

    kafka: str = Field("127.0.0.1:9092", min_length=1)
    """Bootstrap servers, separated by commas."""
    kafka_security: Security = "PLAINTEXT"
    kafka_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca: Path | None = None
    """The file with the authority that signed the brokers' certificates; the machine's own when absent."""
    kafka_certificate: Path | None = None
    kafka_key: Path | None = None
    kafka_key_password: SecretStr = SecretStr("")
    kafka_timeout: Span = timedelta(seconds=5)
    """How long publishing one event may take in all, before the sender is told to come back."""

    topic_prefix: Prefix = ""
    """Stands before every topic and group on the broker: a test or a replay lives in its own."""
    replication_factor: Positive = 1
    min_insync_replicas: Positive = 1
    input_topics: tuple[str, ...] = ()
    """What the ledger reads instead of what the agreements ask for: a replay's one topic."""
    create_time: bool = False
    """Topics keep the sender's timestamps and are never emptied by age: a replay."""

    batch_records: Positive = 500
    batch_timeout: Span = timedelta(milliseconds=20)
    attempts_max: Positive = 5
    """How often a batch that fails for an unknown reason is tried before its bad record is looked for."""
    backoff_first: Span = timedelta(milliseconds=100)
    backoff_max: Span = timedelta(seconds=10)
    dead_letters_max: Positive = 500
    """The consumer stops once more than this many of its last `dead_letters_window` records were dead letters."""
    dead_letters_window: Positive = 1000
    silence_max: Span = timedelta(seconds=60)
    """How old a consumer's last poll of the broker may be before it is called dead (aiokafka #1037)."""

    database: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/postgres")
    database_schema: Schema = "koikarper"
    database_role: str = Field("", pattern=r"^([a-z_][a-z0-9_]{0,62})?$")
    """As which role the services connect: `koikarper migrate`, run by the owner, gives it what they need."""
    database_timeout: Span = timedelta(seconds=30)
    """How long one statement may take."""

    snapshot_every: Span = timedelta(seconds=15)
    """How often the exporter takes a snapshot of what waits."""
    canary_every: Span = timedelta(seconds=60)
    """How often the canary goes round."""
    canary_gateway: str = "http://127.0.0.1:8080"
    """Where the canary finds the gateway."""
    canary_token_file: Path | None = None
    """The file with the canary's token (claim `team: canary`), read anew for every call: it may be renewed."""
    department_groups: dict[str, str] = {}
    """By department: the whole name of the consumer group in which its own program reads, where it is not the kit's
    (`department-<code>` after the prefix). In the environment as JSON."""
    disks: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")], Path] = {}
    """By part (`kafka`, `postgresql`): a folder on its disk, of which the exporter tells the room that is left.
    In the environment as JSON."""

    host: str = "127.0.0.1"
    gateway_port: Port = 8080
    metrics_port: Port = 9464
    jwks: str = ""
    """The file or URL of the keys with which callers' tokens are signed."""
    issuer: str = "koikarper"
    audience: str = "koikarper"

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the secrets, then the file: the nearest wins."""
        sources = [init_settings, env_settings]
        if folder := os.environ.get(SECRETS_VARIABLE):
            sources.append(SecretsSettingsSource(settings_cls, Path(folder), env_prefix=""))
        if file := os.environ.get(FILE_VARIABLE):
            sources.append(TomlConfigSettingsSource(settings_cls, Path(file)))
        return tuple(sources)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kafka_security.startswith("SASL") and not (self.kafka_user and self.kafka_password.get_secret_value()):
            raise ValueError(f"kafka_security {self.kafka_security} needs kafka_user and kafka_password")
        if self.kafka_certificate and not self.kafka_key:
            raise ValueError("kafka_certificate needs kafka_key")
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError("min_insync_replicas cannot be more than replication_factor")
        if self.dead_letters_max > self.dead_letters_window:
            raise ValueError("dead_letters_max cannot be more than dead_letters_window")
        return self


def load(**overrides: Any) -> Settings:
    """The settings, `overrides` first. Raises `SettingsError` with every mistake at once, by name, without values."""
    _refuse_misspelt()
    _require_secrets()
    try:
        _require_file()
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_sentence(item["loc"], item["type"], item["msg"]) for item in error.errors(include_input=False)]
        raise SettingsError("\n".join(["The settings are wrong:", *lines])) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{FILE_VARIABLE} names a file that is no TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{FILE_VARIABLE} names a file that cannot be read: {error.strerror}") from None
    except ValueError as error:  # pydantic-settings: a value for a list that is no JSON
        raise SettingsError(f"The settings are wrong: {error}") from None


def _require_secrets() -> None:
    """A folder that is not there, or that others may not read, would silently leave the defaults in place."""
    if folder := os.environ.get(SECRETS_VARIABLE):
        try:
            for file in Path(folder).iterdir():
                if file.name.lower() in Settings.model_fields:
                    file.read_bytes()
        except OSError as error:
            raise SettingsError(f"{SECRETS_VARIABLE}: {error.filename} cannot be read: {error.strerror}") from None


def _require_file() -> None:
    if file := os.environ.get(FILE_VARIABLE):
        Path(file).read_bytes()


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    if not location:
        return f"- {message.removeprefix('Value error, ')}"
    name = str(location[0])
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        return f"- {name}: no such setting" + (f"; did you mean {close[0]}?" if close else "")
    return f"- {name} ({ENV_PREFIX}{name.upper()}): {message.removeprefix('Value error, ')}"


def _refuse_misspelt() -> None:
    """A misspelt variable would silently leave its default in place; other programs' variables are let be."""
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE, SECRETS_VARIABLE}
    for name in os.environ:
        if name.startswith(ENV_PREFIX) and name not in known:
            close = difflib.get_close_matches(
                name.removeprefix(ENV_PREFIX), [n.removeprefix(ENV_PREFIX) for n in known], n=1, cutoff=0.85
            )
            if close:
                raise SettingsError(f"{name}: no such setting; did you mean {ENV_PREFIX}{close[0]}?")
