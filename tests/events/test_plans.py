"""How PostgreSQL goes about the statements of every second: never through the whole log, whatever it has counted."""

from datetime import UTC, datetime

import sqlalchemy as sa

from events import UserId, UserRegistered, emit_many, fix_partitions, sequence_all
from events.sequencer import _COMMITTED

MANY = 3000


def told(database: sa.Engine, prefix: str) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    with database.begin() as connection:
        emit_many(
            connection, (UserRegistered(user_id=UserId(f"{prefix}{each}"), occurred_at=at) for each in range(MANY))
        )


def test_known_ids_are_looked_up_though_the_outbox_was_counted_when_it_was_full(database: sa.Engine) -> None:
    with database.begin() as connection:
        fix_partitions(connection, 2)
    told(database, "early")
    sequence_all(database, 2)
    told(database, "late")
    with database.begin() as connection:
        connection.execute(sa.text("ANALYZE cutover.outbox, cutover.events"))
    sequence_all(database, 2)
    with database.connect() as connection:
        lines = connection.scalars(sa.text(f"EXPLAIN {_COMMITTED.text}"), {"limit": 5000})
        plan = "\n".join(lines)
    assert "Index Scan using events_event_id_key on events" in plan
    assert "Seq Scan on events" not in plan
