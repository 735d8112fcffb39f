"""Ten minutes without a provider, in simulated time: everything else, the database, the pace and HTTP, is real."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.campaign import plan_campaign
from benchmarks.simulated_campaign import Simulated, simulate
from console.stand_in import StandIn, stand_in
from console.weekly_job import weekly_gate
from console.weekly_messages import WeeklyMessages
from events import fix_partitions
from handlers.delivery import campaign
from handlers.delivery.books import books
from handlers.delivery.pace import Limits
from handlers.delivery.sendgrid import SendGrid
from tests.deadline import wait_until

RUN = "2026-W47"
PARTITIONS = 4
USERS = 300
MINUTES = 60.0


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[StandIn]:
    made = stand_in(tmp_path / "sendgrid", quota=0, tells=False)
    process = subprocess.Popen(made.command, env={**os.environ, **made.variables})
    try:
        wait_until(made.announcement.exists, what="the stand-in listening")
        yield made
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def planned(database: sa.Engine) -> sa.Engine:
    with database.begin() as connection:
        fix_partitions(connection, PARTITIONS)
    plan_campaign(database, weekly_gate(PARTITIONS), RUN, USERS)
    with database.begin() as connection:
        campaign.resume(connection, RUN)
    return database


def send(engine: sa.Engine, redis_url: str, mailbox: StandIn, outage: dict[str, Any], minutes: float) -> Simulated:
    """Ten a second; what is wrong begins after 20 seconds and lasts so many minutes."""

    async def begins() -> None:
        control(mailbox, "PUT", outage)

    async def ends() -> None:
        control(mailbox, "DELETE")

    return simulate(
        engine,
        redis_url,
        f"test-{engine.url.database}",
        lambda: SendGrid(api_key=mailbox.api_key, mail_from="shop@shop.example", host=mailbox.host),
        WeeklyMessages(lambda user_id: f"https://shop.example/unsubscribe/{user_id}"),
        Limits(quota=10, burst=1),
        senders=2,
        events=[(20.0, begins), (20.0 + minutes * MINUTES, ends)],
    )


def control(mailbox: StandIn, method: str, body: dict[str, Any] | None = None) -> None:
    host = json.loads(mailbox.announcement.read_text())["control"]
    request = urllib.request.Request(f"{host}/control", json.dumps(body or {}).encode(), method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10):
        pass


def counts(mailbox: StandIn) -> dict[str, Any]:
    with urllib.request.urlopen(f"{mailbox.host}/counts", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.parametrize("mode", ["refuse", "unavailable"])
def test_I2_I3_a_ten_minute_outage_is_survived_unattended(
    planned: sa.Engine, redis_url: str, mailbox: StandIn, mode: str
) -> None:
    done = send(planned, redis_url, mailbox, {"outage": {"mode": mode}}, minutes=10)
    with planned.connect() as connection:
        states = books(connection, RUN).states
    assert states == {**dict.fromkeys(states, 0), "accepted": USERS}
    assert counts(mailbox)["per_send_id_max"] == 1
    assert done.max_in_any_second <= 10
    # Stopped by the breaker: a few failures open it, then two probes now and then for ten minutes.
    assert done.requests - USERS < 100
    # Back within the longest cool-down: ten minutes, a minute's worth of e-mails, and not much more.
    assert 10 * MINUTES < done.seconds < 10 * MINUTES + USERS / 10 + 60


def test_throttling_never_leaves_an_e_mail_unconfirmed(planned: sa.Engine, redis_url: str, mailbox: StandIn) -> None:
    done = send(planned, redis_url, mailbox, {"throttle": {"retry_after": 5, "share": 0.5}}, minutes=1)
    with planned.connect() as connection:
        states = books(connection, RUN).states
    assert states == {**dict.fromkeys(states, 0), "accepted": USERS}
    assert counts(mailbox)["per_send_id_max"] == 1
    assert done.requests > USERS, "nothing was throttled, so nothing was tested"
