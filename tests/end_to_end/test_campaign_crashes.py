"""Senders killed and Redis emptied in mid-campaign: everybody still gets one e-mail, or is accounted for."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runtime.servers import Servers
from tests.deadline import wait_until
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, shared_shop


@pytest.fixture(scope="session")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with shared_shop(running, state_dir) as started:
        yield started


def kill_a_child(shop: CampaignShop) -> list[psutil.Process]:
    child = psutil.Process(shop.child("emails").process.pid).children()[0]
    os.kill(child.pid, signal.SIGKILL)
    return [child]


def kill_the_worker(shop: CampaignShop) -> list[psutil.Process]:
    """Its children are orphans then: they send what they have in hand, and end."""
    return shop.kill("emails")


def kill_the_worker_and_its_children(shop: CampaignShop) -> list[psutil.Process]:
    process = shop.child("emails").process
    children = psutil.Process(process.pid).children()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert shop.playground.processes.revive() == ["emails"]
    return children


@pytest.mark.parametrize("kill", [kill_a_child, kill_the_worker, kill_the_worker_and_its_children])
def test_killed_senders_leave_unconfirmed_only_what_was_in_flight_and_never_arrived(
    shop: CampaignShop, kill: Callable[[CampaignShop], list[psutil.Process]]
) -> None:
    # Answers take a while, so that much is in flight at any moment, and of some requests the provider takes no notice.
    run = shop.begun(slow=0.3, outage={"mode": "hang", "share": 0.1})
    shop.wait(lambda: shop.provider.hits("outage") >= 3, "requests without an answer")
    ended = kill(shop)
    in_flight = shop.in_state(run, "sending")
    shop.provider.misbehave(outage=None)
    left = shop.outlived(run, in_flight)
    assert left
    assert balance(shop, run, never_arrived=left) == {"accepted": shop.users - len(left), "unconfirmed": len(left)}
    wait_until(lambda: not any(map(_lives, ended)), seconds=90, what="the end of whatever was killed or orphaned")

    shop.cutover("unconfirmed", run, "--release", "--why", "the records do not show them", "--yes")
    shop.resolved(run)
    assert balance(shop, run) == {"accepted": shop.users}


def test_a_killed_relay_costs_nothing_but_time(shop: CampaignShop) -> None:
    run = shop.begun()
    shop.kill("relay")
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    assert shop.told(run, "EmailUnconfirmed") == 0


def test_I5_emptying_redis_in_mid_campaign_costs_no_e_mail_and_no_duplicate(shop: CampaignShop) -> None:
    run = shop.begun()
    for share in (0.2, 0.5, 0.8):
        shop.wait(lambda: shop.books(run).states["accepted"] >= share * shop.users, f"{share:.0%} of {run}")  # noqa: B023
        shop.playground.system.redis.flushall()
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    assert shop.told(run, "EmailUnconfirmed") == 0


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
