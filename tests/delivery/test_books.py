"""The books of a run: every row in one state, reasons and news counted, and an honest estimate of the end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from handlers.delivery.books import NEWS, STATES, Books, books
from tests.delivery.ledgers import RUN, execute, plan_users, put

NOW = datetime(2026, 11, 16, 9, tzinfo=UTC)


def of(engine: sa.Engine, run: str = RUN) -> Books:
    with engine.connect() as connection:
        return books(connection, run)


def test_a_run_that_sends_nothing_has_empty_books(database: sa.Engine) -> None:
    found = of(database)
    assert found.states == dict.fromkeys(STATES, 0)
    assert found.news == dict.fromkeys(NEWS, 0)
    assert (found.total, found.open, found.pace, found.send_by, found.reasons) == (0, 0, None, None, {})


def test_I3_every_row_is_counted_in_one_state(database: sa.Engine) -> None:
    for count, state in enumerate(STATES, 1):
        put(database, state, *(f"{state}-{number}" for number in range(count)))
    put(database, "failed", "u1", run="2026-W48")
    execute(database, "UPDATE cutover.send_ledger SET reason = 'http_413' WHERE user_id = 'failed-0'")
    found = of(database)
    assert found.states == {state: count for count, state in enumerate(STATES, 1)}
    assert (found.total, found.open) == (21, found.states["planned"] + found.states["sending"])
    assert found.reasons == {
        "failed": {"http_400": found.states["failed"] - 1, "http_413": 1},
        "suppressed": {"unsubscribed": found.states["suppressed"]},
        "unconfirmed": {"read_timeout": found.states["unconfirmed"]},
    }


def test_news_counts_e_mails(database: sa.Engine) -> None:
    put(database, "accepted", "u1", "u2", "u3")
    execute(database, "UPDATE cutover.send_ledger SET delivered_at = now() WHERE user_id <> 'u3'")
    execute(database, "UPDATE cutover.send_ledger SET machine_opened_at = now() WHERE user_id = 'u1'")
    assert {name: count for name, count in of(database).news.items() if count} == {"delivered": 2, "machine_opened": 1}


def test_the_pace_is_that_of_the_last_minute(database: sa.Engine) -> None:
    put(database, "accepted", *(f"u{number}" for number in range(60)))
    seconds = "regexp_replace(user_id, '\\D', '', 'g')::int"
    aged = f"UPDATE cutover.send_ledger SET changed_at = clock_timestamp() - make_interval(secs => {seconds} / 2.0)"
    execute(database, aged)
    assert of(database).pace == pytest.approx(2.0, rel=0.2)
    execute(database, "UPDATE cutover.send_ledger SET changed_at = changed_at - interval '2 minutes'")
    assert of(database).pace is None


def test_one_burst_half_a_minute_ago_is_no_pace_of_thousands(database: sa.Engine) -> None:
    put(database, "accepted", *(f"u{number}" for number in range(60)))
    burst = "UPDATE cutover.send_ledger SET changed_at = now() - interval '30 s' - random() * interval '1 ms'"
    execute(database, burst)
    assert of(database).pace == pytest.approx(2.0, rel=0.2)


def test_what_a_webhook_or_a_person_settled_is_no_pace(database: sa.Engine) -> None:
    put(database, "accepted", "u1", "u2")
    execute(database, "UPDATE cutover.send_ledger SET evidence = 'webhook'")
    assert of(database).pace is None


def test_the_end_is_told_only_when_it_can_be(database: sa.Engine) -> None:
    plan_users(database, *(f"u{number}" for number in range(10)))
    found = of(database)
    assert found.finish(NOW) is None
    moving = replace(found, pace=2.0)
    assert moving.finish(NOW) == NOW + timedelta(seconds=5)
    assert replace(moving, paused_at=NOW).finish(NOW) is None
    assert replace(moving, states={**found.states, "planned": 0}).finish(NOW) is None
