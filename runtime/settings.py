"""The settings, read once from the environment and never changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.database import DRIVER, SCHEMES
from runtime.errors import SettingsInvalid
from runtime.redaction import MASK, is_sensitive, redacted_url

LogLevel = Literal["debug", "info", "warning", "error"]

_EXPECTED = {
    "DATABASE_URL": "postgresql://user:password@host:port/database",
    "REDIS_URL": "redis://host:port/0, rediss://host:port/0 or unix:///path/to/socket?db=0",
    "CUTOVER_STATE_DIR": "a path",
    "CUTOVER_PARTITIONS": "a whole number from 1 to 1024",
    "CUTOVER_LOG_LEVEL": "debug, info, warning or error",
    "CUTOVER_LOG_JSON": "true or false",
    "CUTOVER_NAMESPACE": "up to 40 of a-z, 0-9, _ and -",
    "CUTOVER_SOFT_SHUTDOWN": "a number of seconds from 0 to 600",
}


def _postgres_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES or not rest:
        raise ValueError("not a PostgreSQL URL")
    return f"{DRIVER}://{rest}"


def _redis_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("redis", "rediss", "unix") or not rest:
        raise ValueError("not a Redis URL")
    return url


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Environment(BaseSettings):
    """Settings read from the environment; raises SettingsInvalid, whose message never holds a password.

    `expected` says for each variable what it must be.
    """

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )
    expected: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)  # type: ignore[arg-type]  # fields are checked by pydantic itself
        except ValidationError as error:
            raise SettingsInvalid(problems="; ".join(self._problems(error))) from None

    @classmethod
    def _problems(cls, error: ValidationError) -> list[str]:
        return [cls._problem(str(detail["loc"][0]), detail.get("input")) for detail in error.errors()]

    @classmethod
    def _problem(cls, name: str, value: object) -> str:
        variable = cls._variable(name)
        shown = MASK if is_sensitive(variable) else redacted_url(str(value))
        return f"{variable} is {shown!r} but must be {cls.expected.get(variable, 'left unset')}"

    @classmethod
    def _variable(cls, name: str) -> str:
        """The environment's name of a setting, also when the setting was handed in by its field's name."""
        field = cls.model_fields.get(name)
        return str(field.validation_alias) if field else name


class Settings(Environment):
    """What every process needs to know."""

    expected = _EXPECTED

    database_url: Annotated[str, AfterValidator(_postgres_url)] | None = Field(
        default=None, validation_alias="DATABASE_URL", repr=False
    )
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = Field(
        default=None, validation_alias="REDIS_URL", repr=False
    )
    state_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path(".cutover"), validation_alias="CUTOVER_STATE_DIR", validate_default=True
    )
    partitions: int = Field(default=16, ge=1, le=1024, validation_alias="CUTOVER_PARTITIONS")
    log_level: Annotated[LogLevel, BeforeValidator(_lowered)] = Field(
        default="info", validation_alias="CUTOVER_LOG_LEVEL"
    )
    log_json: bool = Field(default=False, validation_alias="CUTOVER_LOG_JSON")
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = Field(
        default="cutover", validation_alias="CUTOVER_NAMESPACE"
    )
    """What the names of all keys in Redis begin with."""
    soft_shutdown: float = Field(default=10.0, ge=0, le=600, validation_alias="CUTOVER_SOFT_SHUTDOWN")
    """Seconds a worker asked to stop may take to finish what it has in hand; 0: it puts it back at once."""
