"""The balance sheet of a campaign: ledger, log and provider tell the same story, and nobody got two e-mails."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from shadow.cohort import cohort_of
from tests.end_to_end.campaigns import CampaignShop
from tests.end_to_end.stand_in_client import send_ids

FINAL = ("accepted", "failed", "suppressed", "unconfirmed")
BECOMES = {
    "EmailPlanned": "planned",
    "EmailReleased": "planned",
    "EmailSuppressed": "suppressed",
    "EmailAccepted": "accepted",
    "EmailFailed": "failed",
    "EmailUnconfirmed": "unconfirmed",
}


def balance(shop: CampaignShop, run: str, *, in_flight_at_kill: Collection[str] = ()) -> Counter[str]:
    """Assert that the books of a run that is over balance; how many e-mails are in which state.

    Only e-mails whose answer the stand-in kept back, and those whose sender was killed (`in_flight_at_kill`, by send
    id), may be unconfirmed.
    """
    ledger = _ledger(shop, run)
    states = Counter(row.state for row in ledger.values())
    addresses = {row.user_id: row.email for row in shop.rows("SELECT user_id, email FROM shop.users")}
    assert ledger.keys() == addresses.keys()
    assert sum(states[state] for state in FINAL) == len(addresses), states
    _each_by_its_owner(shop, run, ledger)
    _agrees_with_provider(shop, run, ledger, addresses)
    unexplained = _of(ledger, "unconfirmed") - shop.provider.without_answer() - {*in_flight_at_kill}
    assert not unexplained
    _agrees_with_log(shop, run, ledger)
    return states


def _ledger(shop: CampaignShop, run: str) -> Mapping[str, sa.Row[Any]]:
    rows = shop.rows("SELECT * FROM cutover.send_ledger WHERE run = :run", run=run)
    return {row.user_id: row for row in rows}


def _of(ledger: Mapping[str, sa.Row[Any]], *states: str) -> set[str]:
    return {row.send_id for row in ledger.values() if row.state in states}


def _each_by_its_owner(shop: CampaignShop, run: str, ledger: Mapping[str, sa.Row[Any]]) -> None:
    with shop.playground.engine.connect() as connection:
        cohort = cohort_of(connection, run)
    assert {user: row.path for user, row in ledger.items()} == {user: cohort.owner(user) for user in ledger}


def _agrees_with_provider(
    shop: CampaignShop, run: str, ledger: Mapping[str, sa.Row[Any]], addresses: Mapping[str, str]
) -> None:
    counts = shop.provider.counts()
    assert (counts["per_send_id_max"] <= 1, counts["duplicates"]) == (True, [])
    every = shop.provider.accepted()
    known = {row.send_id for row in shop.rows("SELECT send_id FROM cutover.send_ledger")}
    assert send_ids(every) <= known
    ours = {row.send_id: row.user_id for row in ledger.values()}
    mine = [mail for mail in every if mail.send_id in ours]
    assert {mail.send_id: mail.address for mail in mine} == {
        mail.send_id: addresses[ours[mail.send_id]] for mail in mine
    }
    per_address = Counter(mail.address for mail in mine)
    assert [address for address, times in per_address.items() if times > 1] == []
    assert _of(ledger, "accepted") <= send_ids(mine) <= _of(ledger, "accepted", "unconfirmed")


def _agrees_with_log(shop: CampaignShop, run: str, ledger: Mapping[str, sa.Row[Any]]) -> None:
    """Folding the events of the run gives the ledger, with what is known of why."""
    waiting = "SELECT FROM cutover.outbox WHERE type = ANY(:types)"
    shop.wait(lambda: not shop.rows(waiting, types=list(BECOMES)), "logging what became of the e-mails")
    events = shop.rows(
        "SELECT type, data FROM cutover.events WHERE type = ANY(:types) AND data ->> 'run' = :run ORDER BY position",
        types=list(BECOMES),
        run=run,
    )
    folded: dict[str, tuple[str, str | None]] = {}
    for event in events:
        state = BECOMES[event.type]
        told = event.data.get("evidence" if state == "accepted" else "reason")
        folded[event.data["user_id"]] = (state, told)
        assert event.data["send_id"] == ledger[event.data["user_id"]].send_id
    assert folded == {
        user: (row.state, row.evidence if row.state == "accepted" else row.reason) for user, row in ledger.items()
    }
    assert shop.rows("SELECT event_id, reason FROM cutover.refused_events") == []
