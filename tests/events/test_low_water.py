"""The low-water mark: it skips what is gone, however long PostgreSQL keeps it, and nothing that may yet be told."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from events import Relay, Subscriptions, UserId, UserRegistered, emit, emit_many, fix_partitions, head, sequence_all
from events.low_water import STARTS_OVER, LowWater
from events.sequencer import _COMMITTED, sequence
from runtime.clock import SystemClock
from tests.deadline import wait_until

PARTITIONS = 2
MANY = 2000
PATIENCE = 20.0


def fact(name: str) -> UserRegistered:
    return UserRegistered(user_id=UserId(name), occurred_at=datetime(2026, 1, 5, tzinfo=UTC))


@pytest.fixture
def log(database: sa.Engine) -> sa.Engine:
    with database.begin() as connection:
        fix_partitions(connection, PARTITIONS)
    return database


@pytest.fixture
def low_water() -> LowWater:
    return LowWater()


def tell(log: sa.Engine, *names: str) -> None:
    with log.begin() as connection:
        emit_many(connection, map(fact, names))


def look(log: sa.Engine, low_water: LowWater, times: int = 2) -> int:
    for _ in range(times):
        with log.begin() as connection:
            low_water.look(connection)
    return low_water.mark


def ids(log: sa.Engine) -> list[int]:
    with log.connect() as connection:
        return list(connection.scalars(sa.text("SELECT id FROM cutover.outbox ORDER BY id")))


def test_it_rises_to_what_was_sequenced_and_what_comes_later_lies_above(log: sa.Engine, low_water: LowWater) -> None:
    tell(log, "a", "b", "c")
    last = ids(log)[-1]
    sequence_all(log, PARTITIONS)
    assert look(log, low_water) == last
    tell(log, "d")
    assert sequence(log, PARTITIONS, after=low_water.mark).taken == 1


def test_it_stays_below_what_is_left(log: sa.Engine, low_water: LowWater) -> None:
    tell(log, "a", "b", "c", "d")
    sequence(log, PARTITIONS, limit=2)
    assert look(log, low_water, times=5) == ids(log)[0] - 1
    assert sequence(log, PARTITIONS, after=low_water.mark).taken == 2


def test_whoever_commits_late_is_waited_for(log: sa.Engine, low_water: LowWater) -> None:
    look(log, low_water)
    with log.connect() as slow:
        emit(slow, fact("slow"))
        tell(log, "quick")
        sequence_all(log, PARTITIONS)
        look(log, low_water, times=5)
        slow.commit()
    assert sequence(log, PARTITIONS, after=low_water.mark).taken == 1
    sequence_all(log, PARTITIONS)
    assert look(log, low_water, times=3) > 0


def test_whoever_has_opened_the_outbox_is_waited_for_though_nothing_is_written_yet(
    log: sa.Engine, low_water: LowWater
) -> None:
    """A COPY draws ids for many rows before it writes the first: until then it has no transaction id to be known by."""
    with log.connect() as slow:
        slow.execute(sa.text("LOCK TABLE cutover.outbox IN ROW EXCLUSIVE MODE"))
        drawn = slow.scalar(sa.text("SELECT nextval(pg_get_serial_sequence('cutover.outbox', 'id'))")) or 0
        tell(log, "quick")
        sequence_all(log, PARTITIONS)
        assert look(log, low_water, times=5) < drawn
    assert look(log, low_water, times=3) > drawn


def test_it_starts_over_when_ids_are_counted_anew(log: sa.Engine, low_water: LowWater) -> None:
    tell(log, *map(str, range(10)))
    sequence_all(log, PARTITIONS)
    assert look(log, low_water) > 5
    with log.begin() as connection:
        connection.execute(sa.text("ALTER TABLE cutover.outbox ALTER COLUMN id RESTART WITH 1"))
    tell(log, "again")
    look(log, low_water, times=1)
    assert sequence(log, PARTITIONS, after=low_water.mark).taken == 1


def test_whatever_was_overlooked_is_found_a_minute_later(log: sa.Engine, low_water: LowWater) -> None:
    tell(log, *map(str, range(10)))
    sequence_all(log, PARTITIONS)
    mark = look(log, low_water)
    tell(log, "below")
    with log.begin() as connection:
        connection.execute(
            sa.text("""
                WITH told AS (DELETE FROM cutover.outbox RETURNING event_id, type, version, data)
                INSERT INTO cutover.outbox (id, event_id, type, version, data) OVERRIDING SYSTEM VALUE
                SELECT 3, told.* FROM told
            """)
        )
    assert look(log, low_water) >= mark
    assert look(log, low_water, times=STARTS_OVER) < 3
    assert sequence(log, PARTITIONS, after=low_water.mark).taken == 1


def test_a_database_that_was_away_may_be_another_one(log: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay(log, Subscriptions([]), PARTITIONS, lambda _: None, pause=0.001, sweep_every=0.01)
    running = threading.Thread(target=relay.run, args=(SystemClock(),))
    running.start()
    try:
        tell(log, *map(str, range(100)))
        wait_until(lambda: not ids(log) and relay._low_water.mark > 50)
        with monkeypatch.context() as away:
            away.setattr(Relay, "_told", unreachable)
            wait_until(lambda: relay._low_water.mark == 0)
    finally:
        relay.stop()
        running.join(PATIENCE)


def test_a_look_sees_what_others_commit_whatever_the_database_is_set_to(log: sa.Engine) -> None:
    with log.begin() as connection:
        name = connection.scalar(sa.text("SELECT current_database()"))
        connection.execute(sa.text(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'"))
    log.dispose()
    seen: set[str] = set()

    def ask(_connection: object, cursor: Any, statement: str, *_: object) -> None:  # noqa: ANN401
        if "pg_locks" in statement:
            seen.add(cursor.connection.execute("SHOW transaction_isolation").fetchone()[0])

    sa.event.listen(log, "before_cursor_execute", ask)
    Relay(log, Subscriptions([]), PARTITIONS, lambda _: None).sweep()
    assert seen == {"read committed"}


def unreachable(_: Relay) -> bool:
    raise sa.exc.OperationalError("SELECT", {}, Exception("the server is gone"))


@pytest.fixture
def older_snapshot(log: sa.Engine) -> Iterator[None]:
    """Somebody reads all the while, as a backup does."""
    with log.connect().execution_options(isolation_level="REPEATABLE READ") as reader:
        head(reader)
        yield


@pytest.mark.usefixtures("older_snapshot")
def test_what_cannot_be_cleared_away_yet_is_not_gone_through(log: sa.Engine, low_water: LowWater) -> None:
    tell(log, *map(str, range(MANY)))
    sequence_all(log, PARTITIONS)
    look(log, low_water)
    tell(log, "one")
    assert pages(log, 0) > 20
    assert pages(log, low_water.mark) < 20


def pages(log: sa.Engine, after: int) -> int:
    """How many pages are read to find what was told."""
    with log.connect() as connection:
        explain = sa.text(f"EXPLAIN (ANALYZE, BUFFERS) {_COMMITTED.text}")
        plan = "\n".join(connection.scalars(explain, {"limit": 5000, "after": after}))
    read = re.search(r"Buffers: shared hit=(\d+)", plan)
    assert read
    return int(read.group(1))
