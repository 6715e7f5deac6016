"""Settings from the environment."""

import pytest
from pydantic import SecretStr

from libs.shared.settings import Settings, SettingsError, load, variable


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)


def test_every_setting_has_a_default_for_a_laptop_and_a_description() -> None:
    settings = load()
    assert settings.nats_url == "nats://127.0.0.1:4222"
    assert settings.stream_replicas == 1
    assert all(field.description for field in Settings.model_fields.values())


def test_they_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "NATS_URL": "nats://a:4222,nats://b:4222",
        "MONGO_URL": "mongodb://m/?replicaSet=rs",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "ARCHIPEL_HTTP_PORT": "9000",
        "ARCHIPEL_LOG_LEVEL": "WARNING",
        "ARCHIPEL_OPERATORS": "a1, b2,,",
        "ARCHIPEL_STREAM_REPLICAS": "3",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.nats_url == "nats://a:4222,nats://b:4222"
    assert settings.mongo_url == "mongodb://m/?replicaSet=rs"
    assert settings.otlp_endpoint == "http://collector:4318"
    assert settings.http_port == 9000
    assert settings.log_level == "warning"
    assert settings.operators == {"a1", "b2"}
    assert settings.stream_replicas == 3


def test_what_is_wrong_is_said_in_one_line_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIPEL_HTTP_PORT", "70000")
    monkeypatch.setenv("ARCHIPEL_STREAM_REPLICAS", "2")
    monkeypatch.setenv("ARCHIPEL_LOG_FORMAT", "xml")
    with pytest.raises(SettingsError) as wrong:
        load()
    message = str(wrong.value)
    assert "\n" not in message
    for name in ("ARCHIPEL_HTTP_PORT", "ARCHIPEL_STREAM_REPLICAS", "ARCHIPEL_LOG_FORMAT"):
        assert f"{name}: " in message


def test_the_identity_key_is_a_secret_of_some_length() -> None:
    settings = Settings(identity_key=SecretStr("k" * 32))
    assert settings.identity_secret == b"k" * 32
    with pytest.raises(SettingsError, match="ARCHIPEL_IDENTITY_KEY"):
        _ = Settings(identity_key=SecretStr("short")).identity_secret


def test_nothing_secret_shows() -> None:
    settings = Settings(
        nats_url="nats://user:hunter2@h", mongo_url="mongodb://user:hunter2@h", identity_key=SecretStr("hunter2")
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)
