"""Settings: where they come from, what is refused, and that secrets never show."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.runtime.errors import SettingsError
from services.runtime.settings import Settings, load


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415 - only to see what the shell of this run had set

    for name in [name for name in os.environ if name.startswith("KOIKARPER_")]:
        monkeypatch.delenv(name)


def test_everything_has_a_default_for_one_machine() -> None:
    settings = load()
    assert settings.kafka == "127.0.0.1:9092"
    assert settings.metrics_port == 9464
    assert settings.settle == timedelta(seconds=60)


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('kafka = "file:1"\nissuer = "file"\nsettle = "PT1S"\ninput_topics = ["a", "b"]\n')
    monkeypatch.setenv("KOIKARPER_SETTINGS", str(file))
    monkeypatch.setenv("KOIKARPER_KAFKA", "environment:1")
    settings = load(audience="argument")
    assert (settings.kafka, settings.issuer, settings.audience) == ("environment:1", "file", "argument")
    assert settings.settle == timedelta(seconds=1)
    assert settings.input_topics == ("a", "b")


@pytest.mark.parametrize(("written", "seconds"), [("60", 60), ("1.5", 1.5), ("PT2S", 2), ("0", 0)])
def test_a_span_in_the_environment_is_a_number_of_seconds_or_iso_8601(
    monkeypatch: pytest.MonkeyPatch, written: str, seconds: float
) -> None:
    monkeypatch.setenv("KOIKARPER_SETTLE", written)
    assert load().settle == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["soon", "nan", "inf", "-1"])
def test_a_span_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("KOIKARPER_SETTLE", written)
    with pytest.raises(SettingsError, match="KOIKARPER_SETTLE"):
        load()


def test_secrets_show_nowhere() -> None:
    settings = load(database="postgresql://app:hunter2@db/k", kafka_password="hunter3")
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{settings}"):
        assert "hunter" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KOIKARPER_METRICS_PORT", "tcp://10.0.0.1:80"),
        ("KOIKARPER_SETTLE", "soon"),
        ("KOIKARPER_DATABASE_SCHEMA", "drop table;"),
        ("KOIKARPER_KAFKA_SECURITY", "NONE"),
        ("KOIKARPER_TOPIC_PREFIX", "no spaces"),
        ("KOIKARPER_INPUT_TOPICS", "not json"),
        ("KOIKARPER_REPLICATION_FACTOR", "0"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    assert name.removeprefix("KOIKARPER_").lower() in str(refused.value)
    assert value == "0" or value not in str(refused.value)


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(SettingsError, match=r"(?s)settle.*metrics_port"):
        load(settle=-1, metrics_port=99999)


@pytest.mark.parametrize(
    ("name", "meant"), [("KOIKARPER_KAFKAA", "KOIKARPER_KAFKA"), ("KOIKARPER_DATABSE", "KOIKARPER_DATABASE")]
)
def test_a_misspelt_variable_is_refused_and_the_right_name_told(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=f"{name}.*did you mean {meant}"):
        load()


def test_a_variable_of_another_program_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOIKARPER_WEBSITE_COLOUR", "orange")
    assert load().issuer == "koikarper"


def test_an_unknown_key_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('kafak = "x"\n')
    monkeypatch.setenv("KOIKARPER_SETTINGS", str(tmp_path / "s.toml"))
    with pytest.raises(SettingsError, match="kafak: no such setting; did you mean kafka"):
        load()


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("kafka = ", "no TOML")])
def test_a_file_that_cannot_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "s.toml"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("KOIKARPER_SETTINGS", str(file))
    with pytest.raises(SettingsError, match=f"KOIKARPER_SETTINGS.*{said}"):
        load()


def test_a_secret_comes_from_its_file_without_the_end_of_its_line_and_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "database").write_text("postgresql://app:hunter2@db/k\n")
    (tmp_path / "grafana-password").write_text("of another program")
    monkeypatch.setenv("KOIKARPER_SECRETS", str(tmp_path))
    settings = load()
    assert settings.database.get_secret_value() == "postgresql://app:hunter2@db/k"
    assert "hunter" not in repr(settings)


def test_a_secret_wins_over_the_file_and_the_environment_over_the_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('kafka_password = "file"\nissuer = "file"\naudience = "file"\n')
    for name in ("kafka_password", "issuer"):
        (tmp_path / name).write_text("secret")
    monkeypatch.setenv("KOIKARPER_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOIKARPER_SECRETS", str(tmp_path))
    monkeypatch.setenv("KOIKARPER_ISSUER", "environment")
    settings = load()
    assert settings.kafka_password.get_secret_value() == "secret"
    assert (settings.issuer, settings.audience) == ("environment", "file")


def test_a_wrong_secret_is_refused_by_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "metrics_port").write_text("hunter2")
    monkeypatch.setenv("KOIKARPER_SECRETS", str(tmp_path))
    with pytest.raises(SettingsError, match="metrics_port") as refused:
        load()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("made", ["nothing", "a file", "a folder for a secret"])
def test_secrets_that_cannot_be_read_are_told_and_no_default_takes_their_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: str
) -> None:
    folder = tmp_path / "secrets"
    if made == "a file":
        folder.write_text("")
    if made == "a folder for a secret":  # what Docker mounts where the file on the host is missing
        (folder / "database").mkdir(parents=True)
    monkeypatch.setenv("KOIKARPER_SECRETS", str(folder))
    with pytest.raises(SettingsError, match=r"KOIKARPER_SECRETS: .*secrets.* cannot be read"):
        load()


def test_settings_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(SettingsError, match="needs kafka_user and kafka_password"):
        load(kafka_security="SASL_SSL")
    with pytest.raises(SettingsError, match="min_insync_replicas"):
        load(min_insync_replicas=2)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().kafka = "elsewhere"  # type: ignore[misc]  # that it is refused is the test


def test_a_copy_with_other_values_is_how_a_test_or_replay_gets_its_own() -> None:
    assert Settings().model_copy(update={"topic_prefix": "t."}).topic_prefix == "t."
