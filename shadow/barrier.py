"""The barrier as a tap needs it: the run's event brought into the log, and what a snapshot saw from behind it."""

import sqlalchemy as sa

from events import BadEvent, RunEvent, decode, emit, position_of, sequence
from runtime.clock import Clock, SystemClock
from shadow.errors import NotSequenced

DEADLINE = 60.0
SYSTEM = SystemClock()


def raise_barrier(engine: sa.Engine, event: RunEvent, partitions: int, clock: Clock = SYSTEM) -> int:
    """Emit the run's event and see it into the log; its position. A run that began already keeps its barrier.

    Raises NotSequenced when it is not logged within a minute.
    """
    with engine.begin() as connection:
        position = position_of(connection, event.event_id)
        if position is not None:
            return position
        emit(connection, event)
    deadline = clock.monotonic() + DEADLINE
    while clock.monotonic() < deadline:
        taken = sequence(engine, partitions).taken
        with engine.connect() as connection:
            position = position_of(connection, event.event_id)
        if position is not None:
            return position
        if not taken:  # the relay is at it
            clock.sleep(0.005)
    raise NotSequenced(event.event_id, DEADLINE)


def note_late_events(snapshot: sa.Connection, connection: sa.Connection, run: str, barrier: int) -> int:
    """Write down which events `snapshot` shows although they lie behind the barrier; how many.

    Events are emitted in the transaction of the rows they tell of, so the snapshot shows an event, in the outbox or in
    the log, exactly when it shows those rows.
    """
    rows = [
        {"run": run, "event_id": row.event_id, "type": row.type, "unit": _unit(row)}
        for row in snapshot.execute(_BEHIND, {"barrier": barrier})
    ]
    connection.execute(sa.text("DELETE FROM cutover.late_events WHERE run = :run"), {"run": run})
    if rows:
        connection.execute(_NOTE, rows)
    return len(rows)


def _unit(row: sa.Row[tuple[str, str, int, str]]) -> str | None:
    try:
        return decode(row.type, row.version, row.data).key()
    except BadEvent:  # the sequencer will refuse it; until then it may concern anybody
        return None


_BEHIND = sa.text("""
    SELECT event_id, type, version, data::text AS data FROM cutover.events WHERE position > :barrier
    UNION
    SELECT o.event_id, o.type, o.version, o.data::text FROM cutover.outbox o
    WHERE NOT EXISTS (SELECT FROM cutover.events e WHERE e.event_id = o.event_id)
""")

_NOTE = sa.text("""
    INSERT INTO cutover.late_events (run, event_id, type, unit) VALUES (:run, :event_id, :type, :unit)
    ON CONFLICT DO NOTHING
""")
