"""`cutover serve` as a person starts it: it takes news in, and says what is wrong where it cannot."""

import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from console.failures import Exit
from tests.console.commands import COMMAND, SECRET, cutover, environment
from tests.deadline import wait_until
from tests.tracking.mailbox import Provider, body, ledger_row, told
from tests.web.serving import Answer, ask

LINK_KEY = "00" * 64


@pytest.fixture
def home(database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a system on servers of one's own."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "CUTOVER_STATE_DIR": "/dev/null/state"}


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def keys(provider: Provider) -> dict[str, str]:
    return {"SENDGRID_WEBHOOK_KEY": provider.public_key, "CUTOVER_LINK_KEY": LINK_KEY}


@contextmanager
def serving(env: Mapping[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """The command on a free port, from when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*COMMAND, "serve", "--port", str(port)]
    with subprocess.Popen(
        command, env=environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(port), what="serving", seconds=90)
            yield process, port
        finally:
            process.kill()


def answers(port: int) -> bool:
    try:
        return ask(port, "GET", "/healthz").status == 200
    except OSError:
        return False


def post(port: int, news: bytes, provider: Provider) -> Answer:
    return ask(port, "POST", "/webhooks/sendgrid", news, provider.headers(news))


def test_it_takes_signed_news_into_the_database_it_was_given_and_ends_when_told(
    home: dict[str, str], keys: dict[str, str], provider: Provider, database: sa.Engine
) -> None:
    news = body(told("delivered", send_id=ledger_row(database, "u1")))
    with serving({**home, **keys}) as (process, port):
        assert post(port, news, Provider()).status == 403
        assert post(port, news, provider).status == 204
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (Exit.GOOD, b"")
    assert b"webhook_taken" in err
    assert b"somebody@example.com" not in err
    with database.connect() as connection:
        assert connection.scalars(sa.text("SELECT type FROM cutover.outbox")).all() == ["EmailDelivered"]


def test_while_keys_are_changed_both_are_good(home: dict[str, str], keys: dict[str, str], provider: Provider) -> None:
    new = Provider()
    both = f"{provider.public_key}, {new.public_key}"
    with serving({**home, **keys, "SENDGRID_WEBHOOK_KEY": both}) as (_, port):
        assert [post(port, b"[]", each).status for each in (provider, new, Provider())] == [204, 204, 403]


def test_without_a_verification_key_it_serves_all_but_the_webhook(home: dict[str, str], provider: Provider) -> None:
    with serving({**home, "CUTOVER_LINK_KEY": LINK_KEY}) as (_, port):
        assert post(port, b"[]", provider).status == 503
        assert ask(port, "GET", "/unsubscribe/x").status == 404


WRONG = {
    "one of two is none": ({"SENDGRID_WEBHOOK_KEY": "{good},no"}, "public key is 'no'; expected the verification key"),
    "no link key": ({"CUTOVER_LINK_KEY": ""}, "CUTOVER_LINK_KEY is not set, and unsubscribe links are signed with it"),
    "a bad link key": ({"CUTOVER_LINK_KEY": "00"}, "but must be 64 bytes in hexadecimal (128 digits)"),
    "a bad address": ({"CUTOVER_PUBLIC_URL": "shop.example"}, "CUTOVER_PUBLIC_URL is 'shop.example' but must be"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_it_cannot_serve_with_is_said_and_nothing_is_served(
    home: dict[str, str], keys: dict[str, str], provider: Provider, name: str
) -> None:
    variables, reason = WRONG[name]
    changed = {key: value.replace("{good}", provider.public_key) for key, value in variables.items()}
    answer = cutover("serve", "--port", "0", env={**home, **keys, **changed})
    assert answer.code == Exit.WRONG_USE, answer
    assert reason in answer.told
    assert answer.stdout == ""


def test_a_link_key_with_a_slip_in_it_is_not_shown(home: dict[str, str], keys: dict[str, str]) -> None:
    # `cutover` fails the test for an answer that holds the secret.
    answer = cutover("serve", "--port", "0", env={**home, **keys, "CUTOVER_LINK_KEY": SECRET})
    assert "CUTOVER_LINK_KEY is '***'" in answer.told


def test_a_port_that_is_taken_is_said(home: dict[str, str], keys: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = cutover("serve", "--port", str(port), env={**home, **keys})
    assert answer.code == Exit.WRONG_USE, answer
    assert f"cutover: cannot listen on 127.0.0.1 port {port}: " in answer.told
    assert answer.told.endswith("free it, or choose another")


def test_an_address_of_another_machine_is_said(home: dict[str, str], keys: dict[str, str]) -> None:
    answer = cutover("serve", "--host", "192.0.2.1", "--port", "0", env={**home, **keys})
    assert answer.code == Exit.WRONG_USE, answer
    assert "cannot listen on 192.0.2.1 port 0: " in answer.told
