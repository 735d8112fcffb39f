"""Looking up: the provider's records settle what is unconfirmed, and prove nothing by being silent."""

import asyncio

import pytest
import sqlalchemy as sa

from handlers.delivery import lookup
from handlers.delivery.lookup import CLOCKS_APART, LookedUp, look_up
from handlers.delivery.turn import LOOK_UP, turn
from tests.delivery.carriers import Carrier, address_of, contents_but_of
from tests.delivery.ledgers import RUN, execute, put, refused, row, states


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PAUSE", 0.0)


@pytest.fixture
def ledger(database: sa.Engine) -> sa.Engine:
    """Three e-mails that have been unconfirmed for an hour."""
    put(database, "unconfirmed", "u1", "u2", "u3")
    execute(database, "UPDATE cutover.send_ledger SET changed_at = clock_timestamp() - interval '1 hour'")
    return database


def looked_up(engine: sa.Engine, carrier: Carrier, *gone: str, limit: int = 9) -> LookedUp:
    return asyncio.run(look_up(engine, carrier, contents_but_of(*gone), limit))


def test_what_the_records_show_is_accepted_and_the_rest_stays(ledger: sa.Engine) -> None:
    carrier = Carrier()
    carrier.records[address_of("u2")] = "m2"
    assert looked_up(ledger, carrier) == LookedUp(asked=3, found=1)
    assert states(ledger) == {"u1": "unconfirmed", "u2": "accepted", "u3": "unconfirmed"}
    held = row(ledger, "u2")
    assert (held["evidence"], held["message_id"], held["reason"]) == ("email_logs", "m2", None)
    since = held["planned_at"] - CLOCKS_APART
    assert (address_of("u2"), RUN, since) in carrier.asked
    assert refused(ledger) == []


def test_nothing_is_asked_again_at_once(ledger: sa.Engine) -> None:
    carrier = Carrier()
    assert looked_up(ledger, carrier, limit=2) == LookedUp(asked=2)
    assert looked_up(ledger, carrier) == LookedUp(asked=1)
    assert looked_up(ledger, carrier) == LookedUp()
    assert sorted(address for address, _, _ in carrier.asked) == [address_of(f"u{number}") for number in (1, 2, 3)]


def test_while_the_records_are_away_nothing_changes(ledger: sa.Engine) -> None:
    carrier = Carrier()
    carrier.away = True
    assert looked_up(ledger, carrier) == LookedUp()
    assert {row(ledger, user_id)["asked_at"] for user_id in ("u1", "u2", "u3")} == {None}


def test_one_looks_at_a_time(ledger: sa.Engine) -> None:
    carrier = Carrier()
    with turn(ledger, LOOK_UP) as ours:
        assert ours
        assert looked_up(ledger, carrier) == LookedUp()
    assert looked_up(ledger, carrier) == LookedUp(asked=3)


def test_of_a_user_who_is_gone_nothing_is_asked_and_nothing_guessed(ledger: sa.Engine) -> None:
    carrier = Carrier()
    looked_up(ledger, carrier, "u1", "u2")
    assert [address for address, _, _ in carrier.asked] == [address_of("u3")]
    assert set(states(ledger).values()) == {"unconfirmed"}
    assert row(ledger, "u1")["asked_at"] is not None


def test_what_was_settled_while_it_was_looked_for_stays_as_it_is(ledger: sa.Engine) -> None:
    class Late(Carrier):
        async def accepted_since(self, *, address: str, **_: object) -> str | None:
            execute(
                ledger,
                "UPDATE cutover.send_ledger SET state = 'accepted', evidence = 'webhook' WHERE state = 'unconfirmed'",
            )
            return f"m-{address}"

    looked_up(ledger, Late())
    assert {row(ledger, user_id)["evidence"] for user_id in ("u1", "u2", "u3")} == {"webhook"}
