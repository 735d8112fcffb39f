"""Processes killed and Redis emptied in mid-campaign: everybody still gets exactly one e-mail, or is accounted for."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runtime.servers import Servers
from tests.deadline import wait_until
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, campaign_shop
from tests.end_to_end.stand_in_client import send_ids

USERS = 400


@pytest.fixture(scope="module")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with campaign_shop(running, state_dir, "crashes", users=USERS, quota=300) as started:
        yield started


@pytest.fixture(autouse=True)
def _well_again(shop: CampaignShop) -> Iterator[None]:
    yield
    shop.provider.behave()


def kill_a_child(shop: CampaignShop) -> None:
    os.kill(psutil.Process(shop.child("emails").process.pid).children()[0].pid, signal.SIGKILL)


def kill_the_worker(shop: CampaignShop) -> None:
    """Its children are orphans then: they end what they have in hand, and themselves."""
    orphans = shop.kill("emails")
    wait_until(lambda: not any(map(_lives, orphans)), seconds=60, what="the orphans' end")


def kill_all_of_the_worker(shop: CampaignShop) -> None:
    process = shop.child("emails").process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert shop.playground.processes.revive() == ["emails"]


@pytest.mark.parametrize("kill", [kill_a_child, kill_the_worker, kill_all_of_the_worker])
def test_killed_senders_leave_only_what_they_had_in_hand_unconfirmed(
    shop: CampaignShop, kill: Callable[[CampaignShop], None]
) -> None:
    # Answers that take a while: there is something in hand at any moment.
    shop.provider.misbehave(slow=0.3)
    run = shop.begin()
    shop.until(run)
    kill(shop)
    in_hand = {*shop.in_state(run, "sending").values()}
    shop.playground.event_driven(run)

    def only_the_dead_have_any() -> bool:
        """The webhook has told of what was accepted; what is left was claimed by the dead, and never sent."""
        sending = {*shop.in_state(run, "sending").values()}
        accepted = send_ids(shop.provider.accepted())
        return sending <= in_hand - accepted and not shop.in_state(run, "planned")

    shop.wait(only_the_dead_have_any, "sending what the living have")
    left = shop.in_state(run, "sending")
    shop.change("UPDATE cutover.send_ledger SET lease_until = clock_timestamp() WHERE run = :run AND state = 'sending'", run=run)
    shop.finished(run)
    assert shop.in_state(run, "unconfirmed") == left
    states = balance(shop, run, in_flight_at_kill=left.values())
    assert (states["accepted"], states["unconfirmed"]) == (USERS - len(left), len(left))

    if left:
        shop.cutover("unconfirmed", run, "--release", "--why", "not in its records", "--yes")
        shop.resolved(run)
    assert balance(shop, run) == {"accepted": USERS}


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
