"""Ledger and log agree by construction: whatever changes a row, by plain SQL too, the right event is in the outbox."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.ledgers import (
    as_log_tells,
    become,
    emitted,
    execute,
    own_database,
    plan_users,
    put,
    refused,
    row,
    told_by_log,
)
from tests.delivery.test_ledger_transitions import LEGAL


@pytest.fixture(scope="module")
def ledger(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


def grows(of: str, to: str) -> int:
    return int((of, to) == ("planned", "sending"))


TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "accepted": ("EmailAccepted", {"evidence": "answer"}),
    "failed": ("EmailFailed", {"reason": "http_400"}),
    "suppressed": ("EmailSuppressed", {"reason": "unsubscribed", "path": "event_driven"}),
    "unconfirmed": ("EmailUnconfirmed", {"reason": "read_timeout"}),
    "planned": ("EmailReleased", {"reason": "again", "by": "ann"}),
}


@pytest.mark.parametrize(("of", "to"), [(of, to) for of, others in LEGAL.items() for to in sorted(others)])
def test_a_change_tells_what_it_came_to_and_nothing_else(ledger: sa.Engine, of: str, to: str) -> None:
    run = f"{of}-{to}"
    put(ledger, of, "u1", run=run)
    with ledger.begin() as connection:
        become(connection, to, "u1", run=run, grows=grows(of, to))
    told = emitted(ledger, run=run)
    if to == "sending" or (of, to) == ("sending", "planned"):
        assert told == []
        return
    ((kind, data),) = told
    found = row(ledger, "u1", run)
    expected_kind, expected = TOLD[to]
    common = {"run": run, "user_id": "u1", "send_id": found["send_id"], "attempt": 1}
    assert kind == expected_kind
    assert data.pop("occurred_at") == f"{found['changed_at']:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert data == {**common, **expected}
    assert refused(ledger) == []


def test_a_plan_tells_of_each_new_row_once_and_of_no_other(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1", "u2", run="planned")
    plan_users(ledger, "u2", run="planned", path="legacy")
    plan_users(ledger, "u3", run="planned", path="legacy", reason="nothing_to_recommend")
    told = [(kind, data["user_id"], data["path"], data.get("reason")) for kind, data in emitted(ledger, run="planned")]
    assert told == [
        ("EmailPlanned", "u1", "event_driven", None),
        ("EmailPlanned", "u2", "event_driven", None),
        ("EmailSuppressed", "u3", "legacy", "nothing_to_recommend"),
    ]
    assert refused(ledger) == []


def test_changes_that_are_not_of_state_tell_nothing(ledger: sa.Engine) -> None:
    put(ledger, "unconfirmed", "u1", run="asked")
    execute(ledger, "UPDATE cutover.send_ledger SET asked_at = now(), reason = 'other' WHERE run = 'asked'")
    assert emitted(ledger, run="asked") == []


def test_one_statement_over_many_rows_tells_of_each(ledger: sa.Engine) -> None:
    put(ledger, "sending", *(f"u{number}" for number in range(50)), run="many")
    with ledger.begin() as connection:
        become(connection, "accepted", *(f"u{number}" for number in range(50)), run="many")
    assert len({data["user_id"] for _, data in emitted(ledger, run="many")}) == 50


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=4))
def test_I3_the_log_tells_what_the_ledger_holds_after_any_legal_changes(
    ledger: sa.Engine, walks: list[list[int]]
) -> None:
    run = uuid4().hex
    users = [f"u{number}" for number in range(len(walks))]
    plan_users(ledger, *users, run=run)
    for user_id, walk in zip(users, walks, strict=True):
        state = "planned"
        for choice in walk:
            if possible := sorted(LEGAL[state]):
                of, state = state, possible[choice % len(possible)]
                with ledger.begin() as connection:
                    become(connection, state, user_id, run=run, grows=grows(of, state))
    assert refused(ledger) == []
    assert told_by_log(ledger, run) == as_log_tells(ledger, run)


@pytest.mark.parametrize(
    ("of", "change"),
    [
        ("sending", "state = 'failed', lease_until = NULL, reason = ''"),
        ("sending", "state = 'failed', lease_until = NULL, reason = repeat('x', 301)"),
        ("sending", "state = 'accepted', lease_until = NULL, evidence = 'hearsay'"),
        ("failed", "state = 'planned', reason = 'again', decided_by = ''"),
        ("failed", "state = 'planned', reason = 'again', decided_by = repeat('x', 201)"),
        ("failed", "state = 'planned', reason = NULL, decided_by = 'ann'"),
        ("failed", "state = 'planned', reason = 'again', decided_by = NULL"),
        ("failed", "state = 'planned', reason = 'again', decided_by = E'ann\\nbob'"),
    ],
)
def test_what_the_log_could_not_hold_the_ledger_does_not_take(
    postgres_url: str, template_url: str, of: str, change: str
) -> None:
    with own_database(postgres_url, template_url) as engine:
        put(engine, of, "u1")
        with pytest.raises(sa.exc.IntegrityError):
            execute(engine, f"UPDATE cutover.send_ledger SET {change}")
