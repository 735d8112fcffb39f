"""The balance sheet of a campaign: ledger, log and provider tell the same story, and nobody got two e-mails."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from shadow.cohort import frozen_cohort
from tests.end_to_end.campaigns import CampaignShop
from tests.end_to_end.stand_in_client import send_ids

FINAL = ("accepted", "failed", "suppressed", "unconfirmed")
BECOMES = {
    "EmailPlanned": "planned",
    "EmailReleased": "planned",
    "EmailReassigned": "planned",
    "EmailSuppressed": "suppressed",
    "EmailAccepted": "accepted",
    "EmailFailed": "failed",
    "EmailUnconfirmed": "unconfirmed",
}

_REASSIGNED = """
    SELECT data ->> 'user_id' AS user_id FROM cutover.events
    WHERE type = 'EmailReassigned' AND data ->> 'run' = :run
"""

Ledger = Mapping[str, sa.Row[Any]]


def balance(shop: CampaignShop, run: str, *, never_arrived: Collection[str] = ()) -> Counter[str]:
    """Assert that the books of a run that is over balance; how many e-mails are in which state.

    Unconfirmed may be those alone which the stand-in accepted without an answer, and of those which `never_arrived`
    (send ids; because their sender was killed, or the stand-in broke before it accepted them) all must be.
    """
    ledger = shop.ledger(run)
    addresses = {row.user_id: row.email for row in shop.rows("SELECT user_id, email FROM shop.users")}
    states = Counter(row.state for row in ledger.values())
    assert ledger.keys() == addresses.keys()
    assert sum(states[state] for state in FINAL) == len(addresses), states
    unconfirmed = _of(ledger, "unconfirmed")
    assert {*never_arrived} <= unconfirmed <= {*never_arrived} | shop.provider.without_answer()
    _each_by_its_owner(shop, run, ledger)
    _agrees_with_provider(shop, ledger, addresses)
    assert not send_ids(shop.provider.accepted()) & {*never_arrived}
    _agrees_with_log(shop, run, ledger)
    return states


def _of(ledger: Ledger, *states: str) -> set[str]:
    return {row.send_id for row in ledger.values() if row.state in states}


def _each_by_its_owner(shop: CampaignShop, run: str, ledger: Ledger) -> None:
    with shop.playground.engine.connect() as connection:
        cohort = frozen_cohort(connection, run)
    changed_hands = {event.user_id for event in shop.rows(_REASSIGNED, run=run)}
    owners = {user: "legacy" if user in changed_hands else cohort.owner(user) for user in ledger}
    assert {user: row.path for user, row in ledger.items()} == owners


def _agrees_with_provider(shop: CampaignShop, ledger: Ledger, addresses: Mapping[str, str]) -> None:
    counts = shop.provider.counts()
    assert (counts["per_send_id_max"], counts["duplicates"]) == (1, [])
    every = shop.provider.accepted()
    assert send_ids(every) <= {row.send_id for row in shop.rows("SELECT send_id FROM cutover.send_ledger")}
    users = {row.send_id: row.user_id for row in ledger.values()}
    ours = [mail for mail in every if mail.send_id in users]
    assert [mail.address for mail in ours] == [addresses[users[mail.send_id]] for mail in ours]
    assert len({mail.address for mail in ours}) == len(ours)
    assert _of(ledger, "accepted") <= send_ids(ours) <= _of(ledger, "accepted", "unconfirmed")


def _agrees_with_log(shop: CampaignShop, run: str, ledger: Ledger) -> None:
    """Folding the events of the run gives the ledger, with what is known of why."""
    waiting = "SELECT FROM cutover.outbox WHERE type = ANY(:types)"
    shop.wait(lambda: not shop.rows(waiting, types=list(BECOMES)), "logging what became of the e-mails")
    events = shop.rows(
        "SELECT type, data FROM cutover.events WHERE type = ANY(:types) AND data ->> 'run' = :run ORDER BY position",
        types=list(BECOMES),
        run=run,
    )
    folded = {
        (event.data["user_id"], event.data["send_id"]): (
            BECOMES[event.type],
            event.data.get("evidence"),
            event.data.get("reason"),
        )
        for event in events
    }
    assert folded == {(row.user_id, row.send_id): (row.state, row.evidence, row.reason) for row in ledger.values()}
    assert shop.rows("SELECT event_id, reason FROM cutover.refused_events") == []
