"""No address, name or key gets into a reason, an exception or a log line, whatever SendGrid repeats of it."""

import asyncio
import json
import logging
import traceback
from datetime import UTC, datetime

import pytest

from handlers.delivery.provider import Accepted, Answer, DeliveryError
from handlers.delivery.sendgrid import SendGrid
from handlers.delivery.sendgrid_connections import Timeouts
from tests.delivery.misbehaving_server import Behaviour, Peer, answering, misbehaving
from tests.delivery.sendgrid_messages import API_KEY, message, sendgrid

SECRETS = ("ann.person", "person", "example.net", "Annika", "Ó Súilleabháin", API_KEY, "k3ySecret")
MESSAGE = message(address="ann.person@example.net", name="Annika Ó Súilleabháin")
TIMEOUTS = Timeouts(connect=60, sock_read=0.2, total=60)

TOLD = (
    f"Bad {MESSAGE.address} / {MESSAGE.address.replace('@', '%40')} / {MESSAGE.name} / {MESSAGE.name.upper()}"
    f" / ann.person / Bearer {API_KEY}"
)


def echo(status: int) -> Behaviour:
    body = json.dumps({"errors": [{"message": TOLD, "field": MESSAGE.address}]}).encode()
    return answering(status, {"X-Echo": TOLD.encode().decode("latin-1")}, body)


async def close_at_once(peer: Peer) -> None:
    peer.close()


async def garbage(peer: Peer) -> None:
    await peer.read_request()
    peer.write(TOLD.encode() + b"\r\n\r\n")


async def bad_header(peer: Peer) -> None:
    await peer.read_request()
    peer.write(b"HTTP/1.1 400 " + TOLD.encode() + b"\r\n" + TOLD.encode() + b"\x00\r\n\r\n")


async def reset(peer: Peer) -> None:
    await peer.read_request()
    peer.reset()


async def silent(peer: Peer) -> None:
    await peer.read_request()
    await peer.gone()


BEHAVIOURS = [*map(echo, (307, 400, 401, 403, 413, 429, 500, 503)), close_at_once, garbage, bad_header, reset, silent]


def assert_says_nothing_of_anybody(text: str) -> None:
    for secret in SECRETS:
        assert secret.casefold() not in text.casefold()


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_no_reason_and_no_log_line_names_anybody(behaviour: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[Answer]:
        async with misbehaving(behaviour) as server, sendgrid(server.url, timeouts=TIMEOUTS) as provider:
            request = provider.prepare(MESSAGE)
            return [(await provider.send(request))[0], await provider.validate(request)]

    with caplog.at_level(logging.DEBUG):
        answers = asyncio.run(scenario())
    for answer in answers:
        assert not isinstance(answer, Accepted)
        assert answer.reason
        assert_says_nothing_of_anybody(answer.reason)
    assert_says_nothing_of_anybody(caplog.text)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_no_exception_of_the_logs_names_anybody(behaviour: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with misbehaving(behaviour) as server, sendgrid(server.url, timeouts=TIMEOUTS) as provider:
            await provider.accepted_since(address=MESSAGE.address, run="2026-W47", since=datetime.now(UTC))

    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError) as raised:
        asyncio.run(scenario())
    assert_says_nothing_of_anybody("".join(traceback.format_exception_only(raised.value)))
    assert raised.value.__context__ is None
    assert_says_nothing_of_anybody(caplog.text)


def test_a_provider_does_not_show_its_key() -> None:
    provider = SendGrid(api_key=API_KEY, mail_from="shop@example.com")
    assert_says_nothing_of_anybody(f"{provider!r} {provider}")


@pytest.mark.parametrize("api_key", ["", f"{API_KEY}\n", f"{API_KEY}\r\nX: y", f" {API_KEY}", f"{API_KEY}ü"])
def test_a_key_that_is_none_is_refused_and_not_repeated(api_key: str) -> None:
    with pytest.raises(ValueError, match=r"^api_key ") as raised:
        SendGrid(api_key=api_key, mail_from="shop@example.com")
    assert_says_nothing_of_anybody(str(raised.value))


@pytest.mark.parametrize("host", ["", "api.sendgrid.com", "ftp://x", "https://", "https://annika:person@x"])
def test_a_host_that_is_no_url_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"^host ") as raised:
        SendGrid(api_key=API_KEY, mail_from="shop@example.com", host=host)
    assert_says_nothing_of_anybody(str(raised.value))


def test_validating_asks_for_sandbox_mode_and_answers_like_sending() -> None:
    async def scenario() -> None:
        async with misbehaving(answering(200)) as server, sendgrid(server.url) as provider:
            assert await provider.validate(provider.prepare(MESSAGE)) == Accepted("")
            sent = json.loads(server.requests[0].body)
            assert sent["mail_settings"] == {"sandbox_mode": {"enable": True}}
            assert server.requests[0].head.startswith("POST /v3/mail/send ")

    asyncio.run(scenario())
