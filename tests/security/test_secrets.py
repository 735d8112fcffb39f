"""Secrets: whatever is configured is in no log line, no message, no traceback and no argument of a process."""

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from console import cli
from console.failures import WrongUse, explain
from console.processes import web_command, worker_command
from console.stand_in import stand_in
from handlers.delivery.settings import DeliverySettings
from runtime import broker, logs
from runtime.redaction import redacted_text, secrets_of
from runtime.settings import Settings
from runtime.valkey import Valkey

letters = st.text(st.sampled_from("abcdefghijkLMNOPQ0123456789-_.~!$*+:@/?% é"), min_size=8, max_size=40)
around = st.text(st.sampled_from(" =:'\"/@,\nx"), max_size=5)


@contextmanager
def configured(password: str, link_key: str = "") -> Iterator[list[str]]:
    """An installation with secrets of its own; what nobody may read."""
    variables = {
        "DATABASE_URL": f"postgresql://shop:{quote(password, safe='')}@db/shop",
        "REDIS_URL": f"redis://:{quote(password + '-r', safe='')}@broker:6379/0",
        "SENDGRID_API_KEY": f"SG.{password}",
        "CUTOVER_LINK_KEY": link_key or f"{password}-k",
        "CUTOVER_TOKEN": f"{password}-t",
    }
    with patch.dict("os.environ", variables):
        yield [password, quote(password, safe=""), variables["SENDGRID_API_KEY"], variables["CUTOVER_LINK_KEY"]]


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@given(password=letters, before=around, after=around)
def test_no_configured_secret_is_in_a_log_line_whatever_it_stands_in(password: str, before: str, after: str) -> None:
    with configured(password) as secrets:
        stream = io.StringIO()
        logs.configure(as_json=True, stream=stream)
        for secret in secrets:
            told = f"{before}{secret}{after}"
            structlog.get_logger().info("said", text=told, listed=[told], nested={"a": told})
            logging.getLogger("library").warning("lost %s", told)
            try:
                raise ValueError(told)
            except ValueError:
                structlog.get_logger().exception("failed")
                logging.getLogger("library").exception("failed")
        written = stream.getvalue()
        for secret in secrets:
            assert secret not in written.encode().decode("unicode_escape", errors="ignore")
            assert secret not in written


@given(password=letters, before=around, after=around)
def test_no_configured_secret_is_in_a_message_of_the_command_line(password: str, before: str, after: str) -> None:
    with configured(password) as secrets:
        for secret in secrets:
            explained = explain(WrongUse(f"{before}{secret}{after}"))
            assert explained is not None
            assert secret not in explained[0]
            assert secret not in redacted_text(f"{before}{secret}{after}")


def test_a_defects_traceback_shows_where_and_no_secret() -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("cannot reach redis://:correct-horse@broker with correct-horse-t")

    said = io.StringIO()
    with (
        configured("correct-horse"),
        patch.object(cli, "command_line", fails),
        redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    assert ended.value.code == 1
    assert "Traceback" in said.getvalue()
    assert "RuntimeError: cannot reach redis://:***@broker with ***" in said.getvalue()


def test_settings_show_no_secret() -> None:
    with configured("correct-horse", "ab" * 64) as secrets:
        shown = f"{Settings()!r} {Settings()} {DeliverySettings()!r} {DeliverySettings()}"
    assert [secret for secret in secrets if secret in shown] == []


def test_a_broker_url_is_shown_without_its_password() -> None:
    from handlers.celery_app import create_app

    for url in ("redis://:correct-horse@broker:6379/0", "unix:///run/valkey.sock?db=0&password=correct-horse"):
        app = create_app(broker.broker_url(url), "shown")
        assert "correct-horse" not in app.connection_for_write().as_uri()


def test_no_process_has_a_secret_among_its_arguments(tmp_path: Path) -> None:
    made = stand_in(tmp_path / "sendgrid")
    commands = [made.command, web_command(80), worker_command("worker", concurrency=1)]
    commands.append(Valkey(state_dir=tmp_path, sockets=tmp_path)._command())
    arguments = {word for command in commands for word in command}
    assert sys.executable in arguments
    assert {made.api_key, made.link_key, made.public_key} & arguments == set()
    assert "--api-key" not in arguments


def test_keys_and_state_are_their_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "sendgrid"
    stand_in(directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert modes == {"webhook.pem": 0o600, "unsubscribe.key": 0o600}


def test_a_short_password_is_not_looked_for_in_every_text() -> None:
    assert secrets_of({"DATABASE_URL": "postgresql://shop:shop@db/shop"}) == []
    assert secrets_of({"CUTOVER_LINK_KEY": "a" * 128 + ", " + "b" * 128})[1:] == ["a" * 128, "b" * 128]
