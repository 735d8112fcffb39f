"""What becomes of an e-mail when connections to SendGrid fail, over real sockets."""

import asyncio
import socket
from pathlib import Path

import pytest

from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused, Unconfirmed
from handlers.delivery.sendgrid_connections import Timeouts
from tests.delivery.certificates import self_signed
from tests.delivery.misbehaving_server import Behaviour, Peer, answering, misbehaving
from tests.delivery.sendgrid_messages import PATIENT, message, sendgrid

SHORT_READ = Timeouts(connect=60, sock_read=0.2, total=60)
SHORT_TOTAL = Timeouts(connect=60, sock_read=60, total=0.3)
SHORT_CONNECT = Timeouts(connect=0.2, sock_read=60, total=60)


def answer_to(behaviour: Behaviour, *, timeouts: Timeouts = PATIENT) -> Answer:
    """What send() gives when the server behaves like this."""

    async def scenario() -> Answer:
        async with misbehaving(behaviour) as server:
            return await answer_at(server.url, timeouts=timeouts)

    return asyncio.run(scenario())


async def answer_at(host: str, *, timeouts: Timeouts = PATIENT) -> Answer:
    async with sendgrid(host, timeouts=timeouts) as provider:
        answer, _ = await provider.send(provider.prepare(message()))
        return answer


async def close_at_once(peer: Peer) -> None:
    peer.close()


async def reset_at_once(peer: Peer) -> None:
    peer.reset()


async def read_head_then_close(peer: Peer) -> None:
    await peer.read_head()


async def read_all_then_close(peer: Peer) -> None:
    await peer.read_request()


async def read_all_then_reset(peer: Peer) -> None:
    await peer.read_request()
    peer.reset()


async def read_all_and_be_silent(peer: Peer) -> None:
    await peer.read_request()
    await peer.gone()


async def say_nothing(peer: Peer) -> None:
    await peer.gone()


async def talk_garbage(peer: Peer) -> None:
    await peer.read_request()
    peer.write(b"+PONG\r\n$-1\r\n\r\n")


async def break_off_in_the_status_line(peer: Peer) -> None:
    await peer.read_request()
    peer.write(b"HTTP/1.1 20")


async def break_off_in_the_headers(peer: Peer) -> None:
    await peer.read_request()
    peer.write(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m-1\r\nCont")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (read_head_then_close, None),
        (read_all_then_close, "connection_closed"),
        (read_all_then_reset, "connection_reset"),
        (talk_garbage, "not_http"),
        (break_off_in_the_status_line, None),
        (break_off_in_the_headers, None),
    ],
)
def test_a_connection_lost_after_the_request_went_out_leaves_it_unconfirmed(
    behaviour: Behaviour, reason: str | None
) -> None:
    answer = answer_to(behaviour)
    assert isinstance(answer, Unconfirmed)
    assert reason is None or answer.reason == reason


@pytest.mark.parametrize("timeouts", [SHORT_READ, SHORT_TOTAL])
def test_a_server_that_never_answers_leaves_the_request_unconfirmed(timeouts: Timeouts) -> None:
    reason = "read_timeout" if timeouts is SHORT_READ else "total_timeout"
    assert answer_to(read_all_and_be_silent, timeouts=timeouts) == Unconfirmed(reason)


@pytest.mark.parametrize("behaviour", [close_at_once, reset_at_once])
def test_a_server_that_hangs_up_at_once_gets_no_acceptance_and_no_refusal(behaviour: Behaviour) -> None:
    # Which of the two it is depends on whether the request was on the wire before the news of the close.
    assert isinstance(answer_to(behaviour), NotAccepted | Unconfirmed)


def test_a_refused_connection_is_no_acceptance() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert asyncio.run(answer_at(host)) == NotAccepted("connect_refused")


def test_a_connection_that_is_not_made_in_time_is_no_acceptance() -> None:
    async def scenario() -> Answer:
        async with misbehaving(say_nothing) as server:
            # To a client that waits for the TLS handshake the connection is not there yet.
            return await answer_at(server.url.replace("http:", "https:"), timeouts=SHORT_CONNECT)

    assert asyncio.run(scenario()) == NotAccepted("connect_timeout")


def test_a_name_that_does_not_resolve_is_no_acceptance() -> None:
    answer = asyncio.run(answer_at("http://sendgrid.invalid", timeouts=Timeouts(connect=10)))
    # A resolver that does not answer at all takes longer than anybody wants to wait.
    assert answer in (NotAccepted("dns_failed"), NotAccepted("connect_timeout"))


def test_a_server_without_tls_is_no_acceptance() -> None:
    async def answer_in_plain_text(peer: Peer) -> None:
        peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async def scenario() -> Answer:
        async with misbehaving(answer_in_plain_text) as server:
            return await answer_at(server.url.replace("http:", "https:"))

    assert asyncio.run(scenario()) == NotAccepted("tls_failed")


def test_a_certificate_nobody_vouches_for_is_no_acceptance(tmp_path: Path) -> None:
    async def scenario() -> tuple[Answer, int]:
        async with misbehaving(answering(202), tls=self_signed(tmp_path)) as server:
            answer = await answer_at(server.url)
            return answer, len(server.requests)

    assert asyncio.run(scenario()) == (NotAccepted("tls_failed"), 0)


@pytest.mark.parametrize("status", [202, 400, 401, 429, 500])
def test_the_status_decides_even_if_the_body_is_cut_off(status: int) -> None:
    body = b'{"errors":[{"message":"cut off"}]}'
    answer = answer_to(answering(status, {"X-Message-Id": "m-1"}, body, missing=10))
    kinds = {202: Accepted, 400: Refused, 401: NotAccepted, 429: NotAccepted, 500: Unconfirmed}
    assert isinstance(answer, kinds[status])
    assert isinstance(answer, Accepted) or answer.reason == f"http_{status}"


def test_a_body_that_never_ends_does_not_delay_an_acceptance() -> None:
    async def promise_a_body(peer: Peer) -> None:
        await peer.read_request()
        peer.answer(202, {"X-Message-Id": "m-1"}, b"x", missing=1)
        await peer.gone()

    assert answer_to(promise_a_body) == Accepted("m-1")


def test_a_refusal_whose_body_never_ends_is_a_refusal() -> None:
    async def promise_a_body(peer: Peer) -> None:
        await peer.read_request()
        peer.answer(400, {}, b"x", missing=1)
        await peer.gone()

    assert answer_to(promise_a_body, timeouts=SHORT_READ) == Refused("http_400")


def test_an_answer_before_the_end_of_the_request_counts() -> None:
    async def answer_early(peer: Peer) -> None:
        await peer.read_head()
        peer.answer(413, {"Connection": "close"})
        await peer.gone()

    async def scenario() -> Answer:
        async with misbehaving(answer_early) as server, sendgrid(server.url) as provider:
            answer, _ = await provider.send(provider.prepare(message(html="x" * 30_000_000)))
            return answer

    assert asyncio.run(scenario()) == Refused("http_413")


def test_a_redirect_is_not_followed() -> None:
    async def scenario() -> tuple[Answer, int]:
        async with misbehaving(answering(202)) as elsewhere:
            redirecting = answering(307, {"Location": f"{elsewhere.url}/v3/mail/send"})
            async with misbehaving(redirecting) as server:
                return await answer_at(server.url), len(elsewhere.requests)

    assert asyncio.run(scenario()) == (NotAccepted("http_307"), 0)
