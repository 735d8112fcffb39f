"""Settings: what is accepted, what is refused, and that no refusal shows a password."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.errors import SettingsInvalid
from runtime.settings import Settings

VARIABLES = (
    "DATABASE_URL",
    "REDIS_URL",
    "CUTOVER_STATE_DIR",
    "CUTOVER_PARTITIONS",
    "CUTOVER_LOG_LEVEL",
    "CUTOVER_LOG_JSON",
)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_an_empty_environment_means_embedded_servers_under_the_current_directory(tmp_path: Path) -> None:
    settings = Settings()
    assert (settings.database_url, settings.redis_url) == (None, None)
    assert settings.state_dir == tmp_path / ".cutover"
    assert (settings.partitions, settings.log_level, settings.log_json) == (16, "info", False)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert Settings().database_url is None


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_name_for_postgresql_becomes_the_one_sqlalchemy_takes(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://shop:pw@db:5432/shop")
    assert Settings().database_url == "postgresql+psycopg://shop:pw@db:5432/shop"


def test_values_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "unix:///run/redis.sock?db=1")
    monkeypatch.setenv("CUTOVER_PARTITIONS", "64")
    monkeypatch.setenv("CUTOVER_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("CUTOVER_LOG_JSON", "true")
    settings = Settings()
    assert settings.redis_url == "unix:///run/redis.sock?db=1"
    assert (settings.partitions, settings.log_level, settings.log_json) == (64, "debug", True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://shop:hunter2@db/shop"),
        ("DATABASE_URL", "mysql://shop:hun@ter2@db/shop"),
        ("DATABASE_URL", "shop:hunter2@db/shop"),
        ("DATABASE_URL", "host=db password=hunter2 dbname=shop"),
        ("DATABASE_URL", "postgresql://"),
        ("REDIS_URL", "amqp://guest:hunter2@broker"),
        ("CUTOVER_PARTITIONS", "0"),
        ("CUTOVER_PARTITIONS", "1025"),
        ("CUTOVER_PARTITIONS", "many"),
        ("CUTOVER_LOG_LEVEL", "loud"),
        ("CUTOVER_LOG_JSON", "perhaps"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_it_and_no_password(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as caught:
        Settings()
    message = str(caught.value)
    assert variable in message
    assert "must be" in message
    assert "\n" not in message
    assert "hunter2" not in message
    assert "ter2" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_refusal_shows_the_value_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://shop:hunter2@db/shop")
    with pytest.raises(SettingsInvalid, match=r"'mysql://shop:\*\*\*@db/shop' but must be postgresql://"):
        Settings()


def test_all_bad_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTOVER_PARTITIONS", "0")
    monkeypatch.setenv("CUTOVER_LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid, match=r"CUTOVER_PARTITIONS.*CUTOVER_LOG_LEVEL"):
        Settings()


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.partitions = 8


def test_showing_the_settings_shows_no_password() -> None:
    assert "hunter2" not in repr(Settings(database_url="postgresql://shop:hunter2@db/shop"))
