"""`cutover legacy-run` started twice, killed, and beside the workers: every user gets one e-mail."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.servers import Servers
from tests import batch
from tests.deadline import wait_until
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, shared_shop


@pytest.fixture(scope="session")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with shared_shop(running, state_dir) as started:
        yield started


@batch.only_before
def test_I2_one_sender_though_cron_fires_twice_beside_the_workers(shop: CampaignShop) -> None:
    run = shop.next_run()
    command = ("legacy-run", "--late", "--week", run)
    with shop.start(*command) as first, shop.start(*command) as second:
        said = [process.communicate(timeout=240)[1] for process in (first, second)]
    # Whoever comes while the other records is told so and does nothing.
    assert {first.returncode, second.returncode} in ({0}, {0, 2}), said
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    paths = {row.path for row in shop.ledger(run).values()}
    assert paths == {"legacy", "event_driven"}


@batch.only_before
def test_I2_one_sender_though_legacy_run_is_killed_while_it_sends_and_started_again(shop: CampaignShop) -> None:
    run = shop.next_run()
    shop.provider.misbehave(slow=0.5)
    emails = shop.child("emails").process
    emails.send_signal(signal.SIGTERM)
    emails.wait()
    with shop.start("legacy-run", "--late", "--week", run) as first:
        wait_until(
            lambda: len(shop.in_state(run, "accepted")) > 0.2 * shop.users, seconds=120, what="a fifth of the run"
        )
        first.kill()
        first.communicate()
    shop.change("UPDATE cutover.send_ledger SET lease_until = clock_timestamp() WHERE state = 'sending'")
    with shop.start("legacy-run", "--late", "--week", run) as second:
        _, said = second.communicate(timeout=240)
    assert second.returncode in (0, 3), said
    assert shop.playground.processes.revive() == ["emails"]
    shop.finished(run)
    left = shop.told_of(run)
    assert balance(shop, run, never_arrived=left)["accepted"] == shop.users - len(left)
