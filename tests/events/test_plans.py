"""How PostgreSQL goes about the statements of every second: never through the whole log, whatever it has counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from events import (
    Batch,
    Subscription,
    Subscriptions,
    UserId,
    UserRegistered,
    emit_many,
    fix_partitions,
    lagging,
    open_checkpoints,
    sequence_all,
)
from events.advance import advance
from events.sequencer import _COMMITTED

MANY = 3000


def nothing(_: sa.Connection, __: Batch) -> None:
    """Reads, and does nothing."""


READERS = Subscriptions(
    [
        Subscription(
            name="first", types=frozenset({"UserRegistered"}), partitioned=True, queue="worker", reaction=nothing
        ),
        Subscription(
            name="second",
            types=frozenset({"UserRegistered", "OrderPlaced"}),
            partitioned=False,
            after=("first",),
            queue="worker",
            reaction=nothing,
        ),
    ]
)


def told(database: sa.Engine, prefix: str) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    with database.begin() as connection:
        emit_many(
            connection, (UserRegistered(user_id=UserId(f"{prefix}{each}"), occurred_at=at) for each in range(MANY))
        )


def counted(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("ANALYZE cutover.outbox, cutover.events, cutover.checkpoints"))


@contextmanager
def plans(database: sa.Engine) -> Iterator[list[str]]:
    """The plans of all statements that are executed meanwhile, as the server itself would go about them."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
        if not statement.startswith("EXPLAIN"):
            cursor.execute(f"EXPLAIN {statement}", parameters)
            found.append("\n".join(line for (line,) in cursor.fetchall()))

    sa.event.listen(database, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        sa.event.remove(database, "before_cursor_execute", explain)


def test_known_ids_are_looked_up_though_the_outbox_was_counted_when_it_was_full(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 2)
    told(database, "early")
    sequence_all(database, 2)
    told(database, "late")
    counted(database)
    sequence_all(database, 2)
    with database.connect() as connection:
        lines = connection.scalars(sa.text(f"EXPLAIN {_COMMITTED.text}"), {"limit": 5000, "after": 0})
        plan = "\n".join(lines)
    assert "Index Scan using events_event_id_key on events" in plan
    assert "Seq Scan on events" not in plan


def test_neither_what_lags_nor_how_far_to_read_is_found_by_going_through_the_log(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 2)
        open_checkpoints(connection, READERS, 2)
    counted(database)
    told(database, "u")
    sequence_all(database, 2)
    for when in ("counted when it was empty", "counted now"):
        with plans(database) as found:
            with database.begin() as connection:
                assert {nudge.subscription for nudge in lagging(connection, READERS)} == {"first", "second"}
            assert advance(database, READERS, "second", 0).events == 0
        looking = [plan for plan in found if "events e " in plan]
        assert len(looking) == 2
        for plan in looking:
            assert "using events_type_partition_position on events e" in plan, when
        counted(database)
