"""A provider that fails in mid-campaign, in every way it can: the books balance, and nobody gets two e-mails."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from runtime.servers import Servers
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, shared_shop
from tests.end_to_end.stand_in_client import send_ids

TIME_TO_LOOK = """
    UPDATE cutover.send_ledger SET changed_at = changed_at - interval '1 minute', asked_at = NULL
    WHERE run = :run AND state = 'unconfirmed'
"""
"""As if they had been unconfirmed for a minute: the first look comes after half of one."""


@pytest.fixture(scope="session")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with shared_shop(running, state_dir) as started:
        yield started


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_the_webhook_resolves_what_was_accepted_without_an_answer(shop: CampaignShop, share: float) -> None:
    run = shop.begin(accept_then_drop=share, error_after_accept={"share": share, "status": 502})
    shop.resolved(run)
    assert balance(shop, run) == {"accepted": shop.users}
    victims = shop.provider.without_answer()
    evidence = {row.evidence for row in shop.ledger(run).values() if row.send_id in victims}
    assert evidence == {"webhook"}


def test_what_no_webhook_tells_of_is_found_in_the_records_and_the_rest_waits_for_a_person(shop: CampaignShop) -> None:
    run = shop.begin(
        lose=True, logs_unavailable=True, accept_then_drop=0.03, error_before_accept={"share": 0.03, "status": 500}
    )
    shop.finished(run)
    unconfirmed = shop.in_state(run, "unconfirmed")
    never_arrived = unconfirmed - send_ids(shop.provider.accepted())
    assert 0 < len(never_arrived) < len(unconfirmed)
    balance(shop, run, never_arrived=never_arrived)

    shop.change(TIME_TO_LOOK, run=run)
    shop.wait(lambda: shop.provider.hits("logs_unavailable"), "a look into records that cannot be read")
    listed = json.loads(shop.cutover("unconfirmed", run, code=3))
    assert {email["send_id"] for email in listed} == unconfirmed

    shop.provider.misbehave(logs_unavailable=None)
    shop.change(TIME_TO_LOOK, run=run)
    looked_for = "SELECT FROM cutover.send_ledger WHERE run = :run AND state = 'unconfirmed' AND asked_at IS NULL"
    shop.wait(lambda: not shop.rows(looked_for, run=run), "a look for each of them")
    assert shop.in_state(run, "unconfirmed") == never_arrived
    balance(shop, run, never_arrived=never_arrived)
    evidence = {row.evidence for row in shop.ledger(run).values() if row.send_id in unconfirmed - never_arrived}
    assert evidence == {"email_logs"}

    shop.provider.behave()
    shop.cutover("unconfirmed", run, "--release", "--why", "its records do not show them", "--yes")
    shop.resolved(run)
    assert balance(shop, run) == {"accepted": shop.users}


@pytest.mark.parametrize("mode", ["refuse", "unavailable"])
def test_an_outage_costs_nothing_but_time(shop: CampaignShop, mode: Literal["refuse", "unavailable"]) -> None:
    run = shop.begun()
    # A request that is in flight when a port closes cannot be known to have been accepted or not.
    with shop.paused(run):
        shop.provider.misbehave(outage={"mode": mode, "for_seconds": 3})
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    assert (shop.told(run, "EmailUnconfirmed"), shop.told(run, "EmailFailed")) == (0, 0)


def test_a_provider_that_falls_silent_leaves_unconfirmed_only_what_it_had_been_sent(shop: CampaignShop) -> None:
    with shop.half_sent() as run:
        shop.provider.misbehave(outage="hang")
    shop.wait(lambda: shop.provider.hits("outage") >= 3, "requests without an answer")
    shop.provider.misbehave(outage=None)
    shop.finished(run)
    left = shop.in_state(run, "unconfirmed")
    assert len(left) >= 3
    assert balance(shop, run, never_arrived=left) == {"accepted": shop.users - len(left), "unconfirmed": len(left)}


def test_a_storm_of_429_costs_nothing_but_time(shop: CampaignShop) -> None:
    run = shop.begun(throttle={"share": 0.2, "retry_after": 1})
    shop.provider.misbehave(throttle={"retry_after": 1, "for_seconds": 3})
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    assert (shop.told(run, "EmailUnconfirmed"), shop.told(run, "EmailFailed")) == (0, 0)


def test_slow_answers_cost_nothing_but_time(shop: CampaignShop) -> None:
    run = shop.begin(slow=1.0)
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
    assert shop.told(run, "EmailUnconfirmed") == 0


def test_addresses_that_are_refused_fail_alone_and_can_be_sent_again_when_they_are_mended(shop: CampaignShop) -> None:
    refused = {"u0007", "u0107", "u0207"}
    move = "UPDATE shop.users SET email = user_id || :domain WHERE user_id = ANY(:users)"
    shop.change(move, domain="@invalid.example", users=list(refused))
    run = shop.begin()
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users - 3, "failed": 3}
    failed = {user for user, row in shop.ledger(run).items() if row.state == "failed"}
    assert failed == refused
    (letters,) = json.loads(shop.cutover("deadletters", run))
    assert "valid address" in letters["reason"]
    assert "@" not in letters["reason"]

    shop.change(move, domain="@example.com", users=list(refused))
    shop.cutover("deadletters", run, "--replay", "--yes")
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
