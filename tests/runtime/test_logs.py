"""Log lines: their form, and what they never show."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import structlog

from runtime import logs


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(stream: io.StringIO) -> dict[str, object]:
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


def test_a_line_off_a_terminal_is_json_with_a_constant_event_and_its_fields() -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    structlog.get_logger().info("mail_sent", user_id=7, at=datetime(2026, 11, 16, tzinfo=UTC), path=Path("a/b"))
    line = written(stream)
    assert (line["event"], line["level"], line["user_id"]) == ("mail_sent", "info", 7)
    assert (line["at"], line["path"]) == ("2026-11-16T00:00:00+00:00", "a/b")
    assert str(line["timestamp"]).endswith("Z")


def test_a_line_on_a_terminal_is_for_people() -> None:
    stream = Terminal()
    logs.configure("info", stream=stream)
    structlog.get_logger().info("mail_sent", user_id=7)
    assert "\x1b[" in stream.getvalue()
    assert "mail_sent" in stream.getvalue()


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    logs.configure("info", stream=stream)
    structlog.get_logger().info("mail_sent")
    assert "\x1b[" not in stream.getvalue()


def test_json_can_be_asked_for_on_a_terminal() -> None:
    stream = Terminal()
    logs.configure("info", as_json=True, stream=stream)
    structlog.get_logger().info("mail_sent")
    assert written(stream)["event"] == "mail_sent"


def test_a_line_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("warning", stream=stream)
    structlog.get_logger().info("mail_sent")
    logging.getLogger("library").info("hello")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "key",
    ["password", "db_password", "api_key", "SENDGRID_API_KEY", "apikey", "Authorization", "token", "client_secret"],
)
def test_a_value_under_a_sensitive_key_is_masked(key: str) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    structlog.get_logger().info("called", **{key: "hunter2", "headers": {key: "hunter2", "Accept": "*/*"}})
    assert "hunter2" not in stream.getvalue()
    assert written(stream)["headers"] == {key: "***", "Accept": "*/*"}


@pytest.mark.parametrize("key", ["user_id", "tokens_left", "token_bucket", "keyboard", "passes"])
def test_a_harmless_key_is_left_alone(key: str) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    structlog.get_logger().info("called", **{key: "plain"})
    assert written(stream)[key] == "plain"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("redis://:hunter2@broker:6379/0", "redis://:***@broker:6379/0"),
        ("to postgresql://shop:hun/ter@2@db/shop now", "to postgresql://shop:***@db/shop now"),
        ("postgresql+psycopg://postgres@/cutover?host=/a/b", "postgresql+psycopg://postgres@/cutover?host=/a/b"),
        ("host=db password=hunter2", "host=db password=***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("key SG.abcdefgh12.ijklmnop34-x", "key SG.***"),
        (["redis://:hunter2@broker"], ["redis://:***@broker"]),
        (ValueError("redis://:hunter2@broker"), "ValueError('redis://:***@broker')"),
        (b"redis://:hunter2@broker", "b'redis://:***@broker'"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (None, None),
        (1.5, 1.5),
    ],
)
def test_a_secret_inside_a_value_is_masked(value: object, shown: object) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    structlog.get_logger().info("called", value=value)
    assert written(stream)["value"] == shown


def test_a_secret_in_a_traceback_is_masked() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    try:
        raise ValueError("redis://:hunter2@broker")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed")
    assert "hunter2" not in stream.getvalue()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["exception"].splitlines()[-1] for line in lines] == ["ValueError: redis://:***@broker"] * 2


def test_lines_of_other_libraries_have_the_same_form_and_are_masked() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("library").warning("lost %s", "redis://:hunter2@broker")
    line = written(stream)
    assert (line["event"], line["level"], line["logger"]) == ("lost redis://:***@broker", "warning", "library")
