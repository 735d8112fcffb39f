"""How connections to SendGrid are kept, used again and given up, and what of a request is on the wire when."""

import asyncio
import time

import pytest
from aiohttp.abc import AbstractStreamWriter

from handlers.delivery import sendgrid_connections
from handlers.delivery.provider import Accepted, Answer, NotAccepted, Unconfirmed
from handlers.delivery.sendgrid_connections import Timeouts
from tests.delivery.misbehaving_server import Behaviour, Peer, answering, misbehaving
from tests.delivery.sendgrid_messages import message, sendgrid


def test_a_failed_request_is_not_sent_again() -> None:
    async def scenario() -> tuple[Answer, int]:
        async def good_once_then_close(peer: Peer) -> None:
            await peer.read_request()
            peer.answer(202)
            await peer.read_request()

        async with misbehaving(good_once_then_close) as server, sendgrid(server.url) as provider:
            request = provider.prepare(message())
            await provider.send(request)
            answer, _ = await provider.send(request)
            return answer, len(server.requests)

    assert asyncio.run(scenario()) == (Unconfirmed("connection_closed"), 2)


def test_one_connection_serves_many_requests_and_an_acceptance_brings_the_allowance() -> None:
    headers = {
        "X-Message-Id": "m-1",
        "X-RateLimit-Remaining": "41",
        "X-RateLimit-Reset": str(round(time.time()) + 3600),
    }

    async def scenario() -> None:
        async with misbehaving(answering(202, headers)) as server, sendgrid(server.url) as provider:
            for _ in range(5):
                answer, allowance = await provider.send(provider.prepare(message()))
                assert answer == Accepted("m-1")
                assert allowance is not None
                assert (allowance.remaining, round(allowance.reset_after, -3)) == (41, 4000.0)
            assert server.connections == 1
            assert server.requests[0].head.startswith("POST /v3/mail/send HTTP/1.1\r\n")
            assert "\r\nContent-Type: application/json\r\n" in server.requests[0].head

    asyncio.run(scenario())


def test_an_idle_connection_that_the_server_closed_is_not_used_again() -> None:
    async def answer_once(peer: Peer) -> None:
        await peer.read_request()
        peer.answer(202, {"X-Message-Id": f"m-{peer.connection}"})

    async def scenario() -> None:
        async with misbehaving(answer_once) as server, sendgrid(server.url) as provider:
            for number in range(1, 4):
                answer, _ = await provider.send(provider.prepare(message()))
                assert answer == Accepted(f"m-{number}")
                await everything_has_arrived()

    asyncio.run(scenario())


def test_an_answer_nobody_asked_for_is_never_taken_for_the_next_requests() -> None:
    async def answer_twice(peer: Peer) -> None:
        await peer.read_request()
        peer.answer(202, {"X-Message-Id": "m-1"})
        await everything_has_arrived()
        peer.answer(202, {"X-Message-Id": "stray"})
        await peer.gone()

    async def scenario() -> None:
        async with misbehaving(answer_twice) as server, sendgrid(server.url) as provider:
            request = provider.prepare(message())
            assert (await provider.send(request))[0] == Accepted("m-1")
            await everything_has_arrived(rounds=40)
            assert (await provider.send(request))[0] == NotAccepted("stray_answer")
            assert len(server.requests) == 1
            assert (await provider.send(request))[0] == Accepted("m-1")

    asyncio.run(scenario())


def test_more_requests_than_connections_wait_their_turn_instead_of_timing_out() -> None:
    async def answer_slowly(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await asyncio.sleep(0.3)
            peer.answer(202)

    async def scenario() -> None:
        timeouts = Timeouts(connect=1, sock_read=60, total=60)
        async with (
            misbehaving(answer_slowly) as server,
            sendgrid(server.url, timeouts=timeouts, connections=1) as provider,
        ):
            request = provider.prepare(message())
            answers = await asyncio.gather(*(provider.send(request) for _ in range(6)))
            assert [answer for answer, _ in answers] == [Accepted("")] * 6
            assert server.connections == 1

    asyncio.run(scenario())


def test_cancellation_is_passed_on() -> None:
    async def scenario() -> None:
        async with misbehaving(read_and_be_silent) as server, sendgrid(server.url) as provider:
            sending = asyncio.create_task(provider.send(provider.prepare(message())))
            while not server.requests:
                await asyncio.sleep(0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending

    asyncio.run(scenario())


def test_it_can_be_used_again_after_it_was_closed_and_closed_twice() -> None:
    async def scenario() -> None:
        async with misbehaving(answering(202)) as server, sendgrid(server.url) as provider:
            await provider.close()
            for _ in range(2):
                assert (await provider.send(provider.prepare(message())))[0] == Accepted("")
                await provider.close()

    asyncio.run(scenario())


async def read_and_be_silent(peer: Peer) -> None:
    await peer.read_request()
    await peer.gone()


async def close_at_once(peer: Peer) -> None:
    peer.close()


async def reset_at_once(peer: Peer) -> None:
    peer.reset()


def hold_back_bodies(monkeypatch: pytest.MonkeyPatch, told: list[bool], heard: list[bool]) -> None:
    """Let the network catch up before a body is written, and tell whether the server has heard anything by then."""
    write = sendgrid_connections._Request.write

    async def late(request: sendgrid_connections._Request, writer: AbstractStreamWriter) -> None:
        await everything_has_arrived(rounds=40)
        told.append(bool(heard))
        await write(request, writer)

    monkeypatch.setattr(sendgrid_connections._Request, "write", late)


def test_nothing_of_a_request_is_on_the_wire_before_it_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    heard: list[bool] = []
    hold_back_bodies(monkeypatch, told, heard)

    async def listen(peer: Peer) -> None:
        await peer.read_head()
        heard.append(True)

    async def scenario() -> None:
        async with misbehaving(listen) as server, sendgrid(server.url) as provider:
            assert isinstance((await provider.send(provider.prepare(message())))[0], Unconfirmed)

    asyncio.run(scenario())
    assert told == [False]
    assert heard == [True]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [(close_at_once, "connection_closed"), (reset_at_once, "connection_reset")]
)
def test_a_connection_lost_before_the_request_began_is_no_acceptance(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, reason: str
) -> None:
    hold_back_bodies(monkeypatch, [], [])

    async def scenario() -> Answer:
        async with misbehaving(behaviour) as server, sendgrid(server.url) as provider:
            return (await provider.send(provider.prepare(message())))[0]

    assert asyncio.run(scenario()) == NotAccepted(reason)


async def everything_has_arrived(rounds: int = 10) -> None:
    """On one loop and one machine, what was written before is read within a few rounds."""
    for _ in range(rounds):
        await asyncio.sleep(0)
