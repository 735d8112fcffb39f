"""`POST /v3/mail/send` over a real socket."""

import asyncio
import re

import pytest

from tests.sendgrid.client import KEY, Client, mail, running

NO_KEY = "Permission denied, wrong credentials"
WRONG_KEY = "The provided authorization grant is invalid, expired, or revoked"


def test_a_sound_request_is_accepted_with_an_empty_body_and_an_id() -> None:
    async def scenario() -> None:
        async with running() as client:
            status, body, headers = await client.send()
            assert (status, body) == (202, {})
            assert re.fullmatch(r"[A-Za-z0-9_-]{22}", headers["X-Message-Id"])
            assert "X-RateLimit-Limit" not in headers
            [[send_id, address, message_id, at]] = await client.accepted()
            assert (send_id, address, message_id) == ("s-1", "ada@example.com", headers["X-Message-Id"])
            counts = await client.counts()
            assert counts["first_at"] == counts["last_at"] == at

    asyncio.run(scenario())


@pytest.mark.parametrize(("given", "message"), [("Bearer wrong", WRONG_KEY), (f"Basic {KEY}", WRONG_KEY)])
def test_a_wrong_key_is_refused_in_sendgrids_words(given: str, message: str) -> None:
    async def scenario() -> None:
        async with running() as client:
            status, body, _ = await client.send(Authorization=given)
            assert status == 401
            assert body == {"errors": [{"message": message, "field": None, "help": None}]}
            status, body, _ = await client.call("POST", "/v3/mail/send", b"{}")
            assert (status, body["errors"][0]["message"]) == (401, NO_KEY)
            assert (await client.counts())["requests"] == {"401": 2}

    asyncio.run(scenario())


def test_what_cannot_be_read_is_refused_before_its_content() -> None:
    async def scenario() -> None:
        async with running() as client:
            assert (await client.send(Content_Type="text/plain"))[0] == 415
            assert (await client.send(b"{"))[0] == 400
            assert (await client.send(Content_Type="application/json; charset=utf-8"))[0] == 202
            status, body, _ = await client.send(mail("nobody"))
            assert status == 400
            assert body["errors"][0]["field"] == "personalizations.0.to.0.email"
            assert body["errors"][0]["help"].startswith("http")
            assert (await client.counts())["accepted"] == 1

    asyncio.run(scenario())


def test_a_request_over_30_megabytes_is_too_large() -> None:
    async def scenario() -> None:
        async with running() as client:
            large = mail(content=[{"type": "text/plain", "value": "x" * (31 * 1024 * 1024)}])
            assert (await client.send(large))[0] == 413

    asyncio.run(scenario())


def test_sandbox_mode_checks_and_keeps_nothing() -> None:
    async def scenario() -> None:
        async with running() as client:
            sandbox = {"sandbox_mode": {"enable": True}}
            assert (await client.send(mail(mail_settings=sandbox)))[0] == 200
            assert (await client.send(mail("nobody", mail_settings=sandbox)))[0] == 400
            counts = await client.counts()
            assert (counts["sandboxed"], counts["accepted"]) == (1, 0)

    asyncio.run(scenario())


def test_the_quota_is_told_in_every_answer_and_kept() -> None:
    async def scenario() -> None:
        # A window of a hundred seconds: however slow this machine is, it does not pass during the test.
        async with running(quota=3, speed=0.01) as client:
            answers = [await client.send(mail(send_id=str(n))) for n in range(5)]
            assert [status for status, _, _ in answers] == [202, 202, 202, 429, 429]
            assert [headers["X-RateLimit-Remaining"] for _, _, headers in answers] == ["2", "1", "0", "0", "0"]
            assert {headers["X-RateLimit-Limit"] for _, _, headers in answers} == {"3"}
            assert 1 <= int(answers[-1][2]["Retry-After"]) <= 100
            assert all("X-RateLimit-Reset" in headers for _, _, headers in answers)
            counts = await client.counts()
            assert (counts["accepted"], counts["max_in_any_second"]) == (3, 3)

    asyncio.run(scenario())


def test_a_mail_accepted_twice_is_named() -> None:
    async def scenario() -> None:
        async with running() as client:
            for send_id in ("a", "b", "a", "a", "", ""):
                await client.send(mail(send_id=send_id))
            counts = await client.counts()
            assert counts["accepted"] == 6
            assert (counts["per_send_id_max"], counts["duplicates"]) == (3, ["a"])
            await _empty(client)

    asyncio.run(scenario())


async def _empty(client: Client) -> None:
    assert (await client.call("DELETE", "/kept"))[0] == 204
    counts = await client.counts()
    assert (counts["accepted"], counts["per_send_id_max"], counts["duplicates"]) == (0, 0, [])
    assert (counts["requests"], counts["first_at"], counts["max_in_any_second"]) == ({}, None, 0)


def test_acceptances_are_listed_in_order_and_in_slices() -> None:
    async def scenario() -> None:
        async with running() as client:
            for n in range(5):
                await client.send(mail(send_id=str(n)))
            listed = await client.accepted("?after=2&limit=2")
            assert [entry[0] for entry in listed] == ["2", "3"]
            assert (await client.call("GET", "/accepted?after=x"))[0] == 400

    asyncio.run(scenario())
