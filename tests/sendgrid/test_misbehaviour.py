"""Every fault, as a client meets it."""

import asyncio

import aiohttp
import pytest

from sandbox.sendgrid.faults import FAULTS, Lose, Outage, Throttle
from sandbox.sendgrid.misbehaviour import Misbehaviour, UnknownFault
from tests.sendgrid.client import Client, mail, running, until


def test_faults_are_merged_counted_and_reset() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(throttle={"retry_after": 7})
            shown = await client.control(lose=0.5, slow=None)
            assert shown["throttle"]["settings"] == {"share": 1.0, "for_seconds": None, "retry_after": 7}
            assert shown["lose"]["settings"]["share"] == 0.5
            assert set(shown) == set(FAULTS)
            status, _, headers = await client.send()
            assert (status, headers["Retry-After"]) == (429, "7")
            assert (await client.call("GET", "/control"))[1]["throttle"]["hits"] == 1
            _, shown, _ = await client.call("DELETE", "/control")
            assert all(fault == {"settings": None, "seconds_left": None, "hits": 0} for fault in shown.values())
            assert (await client.send())[0] == 202

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "wrong",
    [
        {"outage": {"mode": "strike"}},
        {"thunder": True},
        {"lose": 2},
        {"slow": {"second": 1}},
        {"duplicate": {"copies": 1}},
    ],
)
def test_a_wrong_fault_is_refused_and_changes_nothing(wrong: dict[str, object]) -> None:
    misbehaviour = Misbehaviour(0)
    with pytest.raises(UnknownFault, match=next(iter(wrong))):
        misbehaviour.merge({"throttle": True, **wrong})
    assert misbehaviour.active(Throttle) is None


def test_the_same_seed_hits_the_same_occasions() -> None:
    def drawn(seed: int) -> list[bool]:
        misbehaviour = Misbehaviour(seed)
        misbehaviour.merge({"lose": 0.3})
        return [misbehaviour.strikes(Lose) is not None for _ in range(1_000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 200 < sum(drawn(1)) < 400


def test_a_fault_passes_when_its_time_is_up() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(outage={"mode": "unavailable", "for_seconds": 0.2})
            assert (await client.send())[0] == 503

            async def passed() -> bool:
                return (await client.send())[0] == 202

            await until(passed, what="the end of the outage")
            assert client.stand_in.misbehaviour.active(Outage) is None

    asyncio.run(scenario())


def test_in_an_outage_that_refuses_nobody_gets_a_connection() -> None:
    async def scenario() -> None:
        async with running() as client:
            assert (await client.send())[0] == 202
            # Over a connection that this very outage ends: the answer still comes.
            assert (await client.call("PUT", "/control", b'{"outage": "refuse"}'))[0] == 200
            await _refused(client)
            await client.control(outage=None)
            assert (await client.send())[0] == 202
            await client.control(outage={"mode": "refuse", "for_seconds": 0.3})
            await _refused(client)
            await until(lambda: _answered(client), what="the end of the outage")
            assert (await client.counts())["accepted"] >= 3

    asyncio.run(scenario())


async def _refused(client: Client) -> None:
    # A connection that was open may still be found closing; a new one is refused.
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(client.host + "/counts")


async def _answered(client: Client) -> bool:
    try:
        return (await client.send())[0] == 202
    except aiohttp.ClientConnectionError:
        return False


def test_with_a_share_some_requests_are_reset_unread() -> None:
    async def scenario() -> None:
        async with running(seed=3) as client:
            await client.control(outage={"mode": "refuse", "share": 0.5})
            answered = sum([await _answered(client) for _ in range(40)])
            assert 0 < answered < 40
            counts = await client.counts()
            assert counts["accepted"] == answered
            assert counts["requests"] == {"202": answered, "no answer": 40 - answered}

    asyncio.run(scenario())


def test_a_server_that_hangs_reads_and_keeps_silent() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(outage="hang")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.send(), 0.3)
            silent = asyncio.create_task(client.send())
            await until(lambda: _hits(client, "outage", 2), what="the second request")
            await client.control(outage=None)
            with pytest.raises(aiohttp.ClientConnectionError):
                await silent
            counts = await client.counts()
            assert (counts["accepted"], counts["requests"]) == (0, {"no answer": 2})

    asyncio.run(scenario())


async def _hits(client: Client, name: str, at_least: int) -> bool:
    hits: int = (await client.call("GET", "/control"))[1][name]["hits"]
    return hits >= at_least


def test_a_slow_server_has_accepted_before_it_answers() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(slow=30)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.send(), 0.5)
            assert (await client.counts())["accepted"] == 1

    asyncio.run(scenario())


def test_a_mail_can_be_accepted_and_the_connection_reset() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(accept_then_drop=True)
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.send(mail(send_id="gone"))
            counts = await client.counts()
            assert (counts["accepted"], counts["dropped_after_accept"]) == (1, ["gone"])

    asyncio.run(scenario())


def test_the_reset_is_a_reset_and_no_polite_end() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(accept_then_drop=True)
            port = int(client.host.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = b'{"personalizations":[{"to":[{"email":"a@example.com"}]}],"from":{"email":"b@example.com"},'
            body += b'"subject":"s","content":[{"type":"text/plain","value":"x"}]}'
            head = "POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SG.test\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("fault", "status", "accepted"),
    [
        ({"error_after_accept": True}, 500, 1),
        ({"error_after_accept": 502}, 502, 1),
        ({"error_after_accept": {"status": 504}}, 504, 1),
        ({"error_before_accept": True}, 500, 0),
    ],
)
def test_an_error_says_nothing_of_what_was_accepted(fault: dict[str, object], status: int, accepted: int) -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.control(**fault)
            assert (await client.send())[0] == status
            counts = await client.counts()
            assert counts["accepted"] == accepted
            assert counts["errored_after_accept"] == ["s-1"] * accepted

    asyncio.run(scenario())
