"""A canary that goes wrong: the watch rolls it back by itself, nobody gets two e-mails, and nobody is forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.servers import Servers
from shadow.cohort import frozen_cohort
from tests import batch
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, shared_shop

MOVE = "UPDATE shop.users SET email = user_id || :domain WHERE user_id = ANY(:users)"
PAUSED = """
    INSERT INTO cutover.campaigns (run, send_by, paused_at, paused_by)
    VALUES (:run, clock_timestamp() + interval '1 hour', clock_timestamp(), 'a test')
"""
LATER = """
    UPDATE cutover.send_ledger SET not_before = clock_timestamp() + interval '1 hour'
    WHERE run = :run AND user_id <> ALL(:first)
"""
NOW = "UPDATE cutover.send_ledger SET not_before = NULL WHERE run = :run AND state = 'planned'"


@pytest.fixture(scope="session")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with shared_shop(running, state_dir) as started:
        yield started


@pytest.fixture
def in_canary(shop: CampaignShop) -> Iterator[CampaignShop]:
    """The shop, which is a canary again afterwards."""
    yield shop
    shop.playground.stage("canary", 50.0, at=datetime.now(UTC))


@batch.only_before
def test_I8_a_canary_whose_addresses_are_refused_goes_back_by_itself(in_canary: CampaignShop) -> None:
    shop, run = in_canary, in_canary.next_run()
    shop.change(PAUSED, run=run)
    shop.playground.legacy(run)
    shop.playground.event_driven(run)
    with shop.playground.engine.connect() as connection:
        cohort = frozen_cohort(connection, run)
    owned = sorted(user for user in shop.ledger(run) if cohort.owner(user) == "event_driven")
    first, refused = owned[:50], owned[:30]
    shop.change(MOVE, domain="@invalid.example", users=refused)
    shop.change(LATER, run=run, first=first)
    shop.cutover("campaign", run, "--resume", code=3)

    rolled_back = "SELECT data FROM cutover.events WHERE event_id = 'RunRolledBack:' || :run"
    shop.wait(lambda: shop.rows(rolled_back, run=run), "the watch rolling the canary back")
    (event,) = shop.rows(rolled_back, run=run)
    assert event.data["by"] == "watch"
    assert "were refused for good" in event.data["why"]
    shop.change(NOW, run=run)
    shop.finished(run)

    assert balance(shop, run) == {"accepted": shop.users - 30, "failed": 30}
    ledger = shop.ledger(run)
    assert {user for user, row in ledger.items() if row.state == "failed"} == {*refused}
    assert {ledger[user].path for user in owned[50:]} == {"legacy"}, "who was not claimed yet has changed hands"
    assert {ledger[user].path for user in ledger if user not in owned} == {"legacy"}
    changes = "SELECT data FROM cutover.events WHERE type = 'StageChanged' AND data ->> 'by' = 'watch'"
    assert [change.data["stage"] for change in shop.rows(changes)] == ["shadow"]
    shop.change(MOVE, domain="@example.com", users=refused)
