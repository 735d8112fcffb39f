"""Unconfirmed e-mails: when the provider's records are searched for them, and what a person may decide."""

import pytest
import sqlalchemy as sa

from handlers.delivery import unconfirmed
from handlers.delivery.unconfirmed import FIRST_LOOK, LOOK_EVERY, LOOK_UNTIL
from tests.delivery.ledgers import RUN, STATES, emitted, execute, put, refused, row, states, take


@pytest.fixture
def ledger(database: sa.Engine) -> sa.Engine:
    return database


def due(engine: sa.Engine, limit: int = 9) -> list[str]:
    with engine.connect() as connection:
        found = [email.user_id for email in unconfirmed.to_look_up(connection, limit)]
        assert unconfirmed.anything_to_look_up(connection) == bool(found)
    return found


def age(engine: sa.Engine, user_id: str, column: str, seconds: float) -> None:
    """As if that had been so many seconds ago."""
    statement = f"UPDATE cutover.send_ledger SET {column} = clock_timestamp() - make_interval(secs => :seconds)"
    execute(engine, f"{statement} WHERE user_id = :user_id", user_id=user_id, seconds=seconds)


def test_a_look_is_due_after_a_while_again_and_again_but_not_for_ever(ledger: sa.Engine) -> None:
    put(ledger, "unconfirmed", "u1")
    assert due(ledger) == []
    age(ledger, "u1", "changed_at", FIRST_LOOK + 1)
    assert due(ledger) == ["u1"]
    (email,) = _all(ledger)
    with ledger.begin() as connection:
        unconfirmed.not_found(connection, email)
    assert due(ledger) == []
    age(ledger, "u1", "asked_at", LOOK_EVERY + 1)
    assert due(ledger) == ["u1"]
    age(ledger, "u1", "changed_at", LOOK_UNTIL + 1)
    assert due(ledger) == []


def test_those_never_looked_for_come_first(ledger: sa.Engine) -> None:
    put(ledger, "unconfirmed", "u1", "u2", "u3")
    for user_id in ("u1", "u2", "u3"):
        age(ledger, user_id, "changed_at", FIRST_LOOK + 1)
    age(ledger, "u1", "asked_at", LOOK_EVERY + 1)
    age(ledger, "u2", "asked_at", LOOK_EVERY + 2)
    assert due(ledger) == ["u3", "u2", "u1"]
    assert due(ledger, 2) == ["u3", "u2"]


def test_only_what_is_unconfirmed_is_listed(ledger: sa.Engine) -> None:
    for state in STATES:
        put(ledger, state, state)
    put(ledger, "unconfirmed", "u1", run="2026-W48")
    assert [(email.run, email.user_id) for email in _all(ledger)] == [(RUN, "unconfirmed"), ("2026-W48", "u1")]
    with ledger.connect() as connection:
        assert [email.user_id for email in unconfirmed.unconfirmed(connection, "2026-W48")] == ["u1"]


def test_what_the_records_show_is_accepted(ledger: sa.Engine) -> None:
    put(ledger, "unconfirmed", "u1")
    (email,) = _all(ledger)
    with ledger.begin() as connection:
        unconfirmed.found(connection, email, "m1")
        unconfirmed.found(connection, email, "m2")
        unconfirmed.not_found(connection, email)
    held = row(ledger, "u1")
    assert (held["state"], held["evidence"], held["message_id"]) == ("accepted", "email_logs", "m1")
    assert [(kind, data["evidence"]) for kind, data in emitted(ledger)] == [("EmailAccepted", "email_logs")]


def test_a_person_decides_on_what_is_unconfirmed_and_on_nothing_else(ledger: sa.Engine) -> None:
    for state in STATES:
        put(ledger, state, state)
    put(ledger, "unconfirmed", "other", run="2026-W48")
    everybody = [*STATES, "other", "nobody"]
    with ledger.begin() as connection:
        assert unconfirmed.mark_sent(connection, RUN, everybody, by="ann", why="in the records") == 1
        assert unconfirmed.mark_sent(connection, RUN, everybody, by="ann", why="in the records") == 0
        assert unconfirmed.release(connection, RUN, everybody, by="ann", why="sure") == 0
    assert states(ledger) == {**{state: state for state in sorted(STATES)}, "unconfirmed": "accepted"}
    assert states(ledger, "2026-W48") == {"other": "unconfirmed"}
    held = row(ledger, "unconfirmed")
    assert (held["evidence"], held["decided_by"], held["reason"]) == ("person", "ann", "in the records")
    ((kind, data),) = emitted(ledger)
    assert (kind, data["evidence"], data["by"], data["reason"]) == ("EmailAccepted", "person", "ann", "in the records")
    assert refused(ledger) == []


def test_I2_what_is_released_is_sent_under_a_new_attempt_by_whose_word_is_told(ledger: sa.Engine) -> None:
    put(ledger, "unconfirmed", "u1", "u2")
    with ledger.begin() as connection:
        assert unconfirmed.release(connection, RUN, ["u1"], by="ann", why="not in the records") == 1
    (claimed,) = take(ledger).claims
    assert (claimed.user_id, claimed.attempt) == ("u1", 2)
    ((kind, data),) = emitted(ledger)
    assert (kind, data["by"], data["reason"], data["attempt"]) == ("EmailReleased", "ann", "not in the records", 1)
    assert refused(ledger) == []


def _all(engine: sa.Engine) -> list[unconfirmed.Unsettled]:
    with engine.connect() as connection:
        return list(unconfirmed.unconfirmed(connection))
