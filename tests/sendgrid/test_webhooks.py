"""The event webhook, told to a receiver that checks signatures as SendGrid's own helper does."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.sendgrid import BadOption, Options, StandIn
from tests.sendgrid.client import KEY, Client, mail, running, until
from tests.sendgrid.receiver import Receiver, receiving

# Two and a half of the stand-in's seconds pass in 25 ms.
SPEED = 100.0


def with_receiver(directory: Path, scenario: Callable[[Client, Receiver], Awaitable[None]], **faults: object) -> None:
    """Run the scenario against a stand-in that has these faults and tells a receiver."""

    async def whole() -> None:
        async with (
            receiving(directory) as (receiver, pem),
            running(webhook_url=receiver.url, webhook_key=pem, speed=SPEED) as client,
        ):
            await client.control(**faults)
            await scenario(client, receiver)

    asyncio.run(whole())


async def told_all(client: Client) -> dict[str, Any]:
    """The counts once nothing is left to be told."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        found.update((await client.counts())["webhooks"])
        return bool(found["waiting"] == 0)

    await until(done, what="everything told")
    return found


@pytest.mark.parametrize(
    ("address", "kinds"),
    [
        ("bounce.a@example.com", ["processed", "bounce"]),
        ("block.a@example.com", ["processed", "bounce"]),
        ("drop.a@example.com", ["dropped"]),
        ("slow.a@example.com", ["processed", "deferred", "delivered"]),
        ("spam.a@example.com", ["processed", "delivered", "spamreport"]),
        ("unsub.a@example.com", ["processed", "delivered", "open", "unsubscribe"]),
        ("bounce@example.com", ["processed", "delivered"]),
    ],
)
def test_the_address_decides_what_becomes_of_a_mail(tmp_path: Path, address: str, kinds: list[str]) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        await client.send(mail(address))
        await told_all(client)
        assert receiver.kinds(address)[: len(kinds)] == kinds

    with_receiver(tmp_path, scenario)


def test_an_event_says_what_sendgrid_says(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        _, _, headers = await client.send(mail("bounce.a@example.com", "s-9", custom_args={"run": "w", "event": "x"}))
        await told_all(client)
        processed, bounce = receiver.told
        assert processed["sg_event_id"] != bounce["sg_event_id"]
        assert bounce["sg_message_id"].startswith(headers["X-Message-Id"] + ".recvd-")
        assert isinstance(bounce["timestamp"], int)
        assert bounce["smtp-id"].startswith("<")
        assert (bounce["event"], bounce["type"], bounce["status"]) == ("bounce", "bounce", "5.1.1")
        assert "550" in bounce["reason"]
        assert (bounce["send_id"], bounce["run"], bounce["category"]) == ("s-9", "w", ["2026-W47"])

    with_receiver(tmp_path, scenario)


def test_many_mails_are_told_in_batches_and_every_event_once(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        addresses = [f"user{n}@example.com" for n in range(300)]
        await asyncio.gather(*(client.send(mail(address, address)) for address in addresses))
        counts = await told_all(client)
        assert counts["posted_events"] == len(receiver.told) == len({e["sg_event_id"] for e in receiver.told})
        assert max(receiver.batches) <= 1_000
        assert len(receiver.batches) < len(receiver.told)
        assert all(receiver.kinds(address)[:2] == ["processed", "delivered"] for address in addresses)
        opens = [event for event in receiver.told if event["event"] == "open"]
        assert {event["sg_machine_open"] for event in opens} == {True, False}
        clicks = [event for event in receiver.told if event["event"] == "click"]
        assert all(event["url"].startswith("https://") for event in clicks)
        assert 0 < len(clicks) < len(opens) < 300

    with_receiver(tmp_path, scenario)


def test_what_the_receiver_did_not_take_is_told_again(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        receiver.failures = [500, 503, 400]
        await client.send(mail("bounce.a@example.com"))
        counts = await told_all(client)
        assert counts["failed_posts"] == 3
        assert receiver.kinds("bounce.a@example.com") == ["processed", "bounce"]

    with_receiver(tmp_path, scenario)


def test_events_wait_for_a_receiver_that_is_not_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with receiving(tmp_path) as (receiver, pem):
            gone = receiver.url.replace("127.0.0.1", "127.0.0.2")
            async with running(webhook_url=gone, webhook_key=pem, speed=SPEED) as client:
                await client.send()

                async def tried() -> bool:
                    counts = (await client.counts())["webhooks"]
                    return bool(counts["failed_posts"] > 1 and counts["waiting"] > 0)

                await until(tried, what="a second try")

    asyncio.run(scenario())


def test_duplicates_come_under_ids_of_their_own(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        await client.send(mail("drop.a@example.com"))
        await told_all(client)
        assert receiver.kinds("drop.a@example.com") == ["dropped"] * 3
        assert len({event["sg_event_id"] for event in receiver.told}) == 3
        assert len({event["timestamp"] for event in receiver.told}) == 1

    with_receiver(tmp_path, scenario, duplicate=3)


def test_lost_events_are_never_told_and_counted(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        await client.send(mail("bounce.a@example.com"))
        counts = await told_all(client)
        assert (receiver.told, counts["lost_events"]) == ([], 2)

    with_receiver(tmp_path, scenario, lose=True)


def test_custom_arguments_can_be_stripped(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        await client.send(mail("drop.a@example.com"))
        await told_all(client)
        assert "send_id" not in receiver.told[0]

    with_receiver(tmp_path, scenario, strip_custom_args=1)


def test_reordered_events_overtake_each_other(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        addresses = [f"bounce.{n}@example.com" for n in range(100)]
        await asyncio.gather(*(client.send(mail(address)) for address in addresses))
        await told_all(client)
        orders = {tuple(receiver.kinds(address)) for address in addresses}
        assert orders == {("processed", "bounce"), ("bounce", "processed")}

    with_receiver(tmp_path, scenario, reorder=True)


def test_delayed_events_come_late(tmp_path: Path) -> None:
    async def scenario(client: Client, receiver: Receiver) -> None:
        await client.send(mail("drop.a@example.com"))
        assert (await client.counts())["webhooks"]["waiting"] == 1
        await client.call("DELETE", "/kept")
        assert (await client.counts())["webhooks"]["waiting"] == 0
        assert receiver.told == []

    with_receiver(tmp_path, scenario, delay_seconds=1e6)


def test_a_key_that_cannot_sign_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="cannot be read"):
        StandIn(Options(api_key=KEY, webhook_key=tmp_path / "none.pem"))
