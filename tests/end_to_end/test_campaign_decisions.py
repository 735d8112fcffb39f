"""What people decide while a campaign goes on, and what the rest of the system does meanwhile."""

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events import UserId, UserUnsubscribed, emit
from runtime.servers import Servers
from sandbox.shop.actions import PlaceOrder, Resubscribe
from tests.end_to_end.balance import balance
from tests.end_to_end.campaigns import CampaignShop, shared_shop
from tests.end_to_end.mailbox_page import page_of


@pytest.fixture(scope="session")
def shop(running: Servers, state_dir: Path) -> Iterator[CampaignShop]:
    with shared_shop(running, state_dir) as started:
        yield started


def test_a_paused_campaign_sends_nothing_more_until_it_is_resumed(shop: CampaignShop) -> None:
    with shop.half_sent() as run:
        shop.cutover("campaign", run, "--pause", code=3)
        waiting = shop.in_state(run, "planned")
    shop.wait(lambda: _paused_for(shop, run, 3), "a few sweeps of the relay")
    assert shop.in_state(run, "planned") == waiting

    shop.cutover("campaign", run, "--resume", code=3)
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}


def _paused_for(shop: CampaignShop, run: str, seconds: int) -> bool:
    statement = """
        SELECT FROM cutover.campaigns
        WHERE run = :run AND paused_at < clock_timestamp() - make_interval(secs => :seconds)
    """
    return bool(shop.rows(statement, run=run, seconds=seconds))


def test_what_is_left_when_a_campaign_ends_is_suppressed(shop: CampaignShop) -> None:
    with shop.half_sent() as run:
        left = len(shop.in_state(run, "planned"))
        shop.change("UPDATE cutover.campaigns SET send_by = clock_timestamp() WHERE run = :run", run=run)
    found = shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users - left, "suppressed": left}
    assert found.reasons == {"suppressed": {"send_by_passed": left}}


def test_whoever_unsubscribes_in_mid_campaign_before_their_turn_is_not_sent_anything(shop: CampaignShop) -> None:
    before = shop.begin()
    shop.finished(before)
    with shop.half_sent() as run:
        waiting = [row.user_id for row in shop.ledger(run).values() if row.state == "planned"]
        by_link, by_event = waiting[:4], waiting[-4:]
        for user_id in by_link:
            _click(shop, before, user_id)
        with shop.playground.engine.begin() as connection:
            emit(
                connection,
                *(UserUnsubscribed(user_id=UserId(user_id), occurred_at=datetime.now(UTC)) for user_id in by_event),
            )
    found = shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users - 8, "suppressed": 8}
    assert found.reasons == {"suppressed": {"unsubscribed": 8}}
    suppressed = {user_id for user_id, row in shop.ledger(run).items() if row.state == "suppressed"}
    assert suppressed == {*by_link, *by_event}

    shop.change("UPDATE shop.users SET unsubscribed_at = now() WHERE user_id = ANY(:users)", users=by_event)
    shop.happen(*(Resubscribe(at=datetime.now(UTC), user_id=user_id) for user_id in (*by_link, *by_event)))
    shop.playground.settle()


def _click(shop: CampaignShop, run: str, user_id: str) -> None:
    """Post what a mail client posts when its user clicks on Unsubscribe in the mail they got in this run."""
    mail = page_of(shop, shop.ledger(run)[user_id].send_id)
    link = mail.headers["List-Unsubscribe"].strip("<>")
    request = urllib.request.Request(link, data=b"List-Unsubscribe=One-Click", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_a_campaign_delays_neither_orders_nor_webhooks(shop: CampaignShop) -> None:
    with shop.half_sent() as run:
        now = datetime.now(UTC)
        offered = "SELECT FROM cutover.recommendations WHERE user_id = 'u0001' AND 'p05' = ANY(product_ids)"
        assert shop.rows(offered)
        shop.happen(PlaceOrder(at=now, order_id=f"during-{run}", user_id="u0001", lines=(("p05", 1),)))
        folded = "SELECT FROM cutover.send_ledger WHERE run = :run AND delivered_at IS NOT NULL"
        shop.wait(lambda: not shop.rows(offered), "refreshing a list")
        shop.wait(lambda: shop.rows(folded, run=run), "folding a webhook")
        assert shop.books(run).open > 0
    shop.finished(run)
    assert balance(shop, run) == {"accepted": shop.users}
