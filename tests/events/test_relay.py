"""The relay in its loop: facts do not wait for its chores."""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from events import Nudge, Relay, Subscriptions, UserId, UserRegistered, emit, fix_partitions, head
from runtime.clock import SystemClock

PATIENCE = 20.0


@pytest.fixture
def seen(database: sa.Engine) -> Iterator[list[tuple[str, int]]]:
    """What each of two duties saw of the log when its turn came; the first of them tells a fact each time."""
    found: list[tuple[str, int]] = []
    turns = threading.Semaphore(0)

    def tell(_: sa.Connection) -> Iterable[Nudge]:
        with database.begin() as connection:
            found.append(("tell", head(connection)))
            user = UserId(f"user {len(found)}")
            emit(connection, UserRegistered(user_id=user, occurred_at=datetime(2026, 1, 5, tzinfo=UTC)))
        return ()

    def look(connection: sa.Connection) -> Iterable[Nudge]:
        found.append(("look", head(connection)))
        turns.release()
        return ()

    with database.begin() as connection:
        fix_partitions(connection, 2)
    relay = Relay(database, Subscriptions([]), 2, lambda _: None, duties=(tell, look), sweep_every=0.01)
    running = threading.Thread(target=relay.run, args=(SystemClock(),))
    running.start()
    try:
        for _ in range(3):
            assert turns.acquire(timeout=PATIENCE)
        yield found
    finally:
        relay.stop()
        running.join(PATIENCE)


def test_between_two_duties_whatever_was_told_is_logged(seen: list[tuple[str, int]]) -> None:
    assert seen[:6] == [("tell", 0), ("look", 1), ("tell", 1), ("look", 2), ("tell", 2), ("look", 3)]


@pytest.mark.parametrize(
    ("orders", "told"),
    [
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(20)", "interrupted"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "database_away"),
    ],
)
def test_a_duty_that_is_broken_off_is_no_outage(database: sa.Engine, orders: str, told: str) -> None:
    relay: Relay

    def fail(connection: sa.Connection) -> Iterable[Nudge]:
        relay.stop()
        connection.exec_driver_sql(orders)
        return ()

    with database.begin() as connection:
        fix_partitions(connection, 1)
    relay = Relay(database, Subscriptions([]), 1, lambda _: None, duties=(fail,), sweep_every=0.01)
    with capture_logs() as lines:
        relay.run(SystemClock())
    assert [line["event"] for line in lines] == ["relay_started", told, "relay_stopped"]
