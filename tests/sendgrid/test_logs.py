"""The Email Logs API over a real socket."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.sendgrid.client import KEY, Client, Json, mail, running, until

KEYED = {"Authorization": f"Bearer {KEY}"}


async def found(client: Client, query: str, limit: int = 10) -> list[Json]:
    status, body, _ = await client.logs(query, limit)
    assert status == 200, body
    messages: list[Json] = body["messages"]
    return messages


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_a_mail_is_found_by_address_category_and_time() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.send(mail("a@example.com", categories=["2026-W46"]))
            _, _, headers = await client.send(mail("a@example.com", categories=["2026-W47"]))
            await client.send(mail("b@example.com", categories=["2026-W47"]))
            query = "to_email = 'a@example.com' AND categories IN ('2026-W47')"
            since = f" AND sg_message_id_created_at > TIMESTAMP '{ago(60)}'"
            [one] = await found(client, query + since)
            assert one["sg_message_id"].startswith(headers["X-Message-Id"] + ".recvd-")
            assert (one["to_email"], one["from_email"]) == ("a@example.com", "shop@example.com")
            assert (one["subject"], one["status"]) == ("Five picks", "processed")
            assert datetime.fromisoformat(one["sg_message_id_created_at"]).tzinfo is not None
            assert await found(client, query + f" AND sg_message_id_created_at < TIMESTAMP '{ago(60)}'") == []
            assert len(await found(client, "subject = 'Five picks'")) == 3
            assert len(await found(client, "", limit=2)) == 2
            assert [m["to_email"] for m in await found(client, "", limit=1)] == ["b@example.com"]

    asyncio.run(scenario())


def test_the_status_follows_what_became_of_the_mail() -> None:
    async def scenario() -> None:
        async with running(speed=1000.0) as client:
            for name in ("bounce.a", "block.a", "drop.a", "slow.a", "spam.a"):
                await client.send(mail(f"{name}@example.com"))

            async def settled() -> bool:
                return (
                    "deferred" not in {m["status"] for m in await found(client, "")}
                    and len(await found(client, "status IN ('delivered')")) == 2
                )

            await until(settled, what="the last delivery")
            assert {m["to_email"]: m["status"] for m in await found(client, "")} == {
                "bounce.a@example.com": "bounced",
                "block.a@example.com": "blocked",
                "drop.a@example.com": "dropped",
                "slow.a@example.com": "delivered",
                "spam.a@example.com": "delivered",
            }
            [bounced] = await found(client, "status IN ('bounced')")
            assert bounced["reason"].startswith("550 5.1.1")
            _, detail, _ = await client.call("GET", f"/v3/logs/{bounced['sg_message_id']}", headers=KEYED)
            assert [event["event"] for event in detail["events"]] == ["processed", "bounce"]
            assert detail["custom_args"] == detail["events"][0]["custom_args"] == {"send_id": "s-1"}

    asyncio.run(scenario())


def test_each_recipient_of_a_request_is_found_by_its_own_id() -> None:
    async def scenario() -> None:
        async with running() as client:
            people = [{"email": f"{name}@example.com"} for name in "abc"]
            await client.send(mail(personalizations=[{"to": people}]))
            for message in await found(client, ""):
                again = await found(client, f"sg_message_id = '{message['sg_message_id']}'")
                assert [m["to_email"] for m in again] == [message["to_email"]]
            assert (await client.call("GET", "/v3/logs/unknown", headers=KEYED))[0] == 404
            forged = message["sg_message_id"][:-1] + "7"
            assert (await client.call("GET", f"/v3/logs/{forged}", headers=KEYED))[0] == 404

    asyncio.run(scenario())


def test_what_cannot_be_asked_is_refused() -> None:
    async def scenario() -> None:
        async with running() as client:
            status, body, _ = await client.logs("to_email LIKE 'a'")
            assert status == 400
            assert "LIKE" in body["errors"][0]["message"]
            assert (await client.logs("", limit=0))[0] == 400
            assert (await client.logs("", limit=1001))[0] == 400
            assert (await client.call("POST", "/v3/logs", b"[]", KEYED))[0] == 400
            assert (await client.call("POST", "/v3/logs", b"{}"))[0] == 401
            assert (await client.call("GET", "/v3/logs/x"))[0] == 401

    asyncio.run(scenario())


def test_the_logs_have_a_rate_limit_of_their_own() -> None:
    async def scenario() -> None:
        async with running(logs_quota=2, speed=0.01) as client:
            answers = [await client.logs("") for _ in range(3)]
            assert [status for status, _, _ in answers] == [200, 200, 429]
            assert int(answers[2][2]["Retry-After"]) >= 1
            assert (await client.send())[0] == 202

    asyncio.run(scenario())


def test_logs_can_lag_and_be_unavailable() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.send()
            [message] = await found(client, "")
            await client.control(logs_lag_seconds=3600)
            assert await found(client, "") == []
            assert await found(client, f"sg_message_id = '{message['sg_message_id']}'") == []
            assert (await client.call("GET", f"/v3/logs/{message['sg_message_id']}", headers=KEYED))[0] == 404
            await client.control(logs_unavailable=True)
            assert (await client.logs(""))[0] == 503

    asyncio.run(scenario())
