"""The barrier as a tap needs it: the run's event brought into the log, and what a snapshot saw from behind it."""

from collections.abc import Callable

import sqlalchemy as sa

from events import BadEvent, Event, RunEvent, decode, emit, position_of, sequence
from runtime.clock import Clock, SystemClock
from shadow.errors import NotSequenced
from shadow.schedule import run_event
from shadow.stage import standing

DEADLINE = 60.0
SYSTEM = SystemClock()


def raise_barrier(
    engine: sa.Engine, run: str, partitions: int, clock: Clock = SYSTEM, *, salt: str = ""
) -> tuple[int, RunEvent]:
    """Emit the run's event, as the stage has it now, and see it into the log; its position, and what the log says.

    A run that began already keeps its barrier and its cohort. Raises BadRunName; NotSequenced when the event is not
    logged within a minute.
    """
    with engine.begin() as connection:
        connection.execute(_ALONE, {"run": run})
        # Asked in this order, because the event goes from the outbox to the log and never back.
        emitted = connection.scalar(_EMITTED, {"event_id": run_event(run).event_id})
        if found := _logged(connection, run):
            return found
        if not emitted:
            now = standing(connection)
            salt = salt if now.sends else ""
            emit(connection, run_event(run, sends=now.sends, percent=now.percent_for(run), salt=salt))
    see_logged(engine, run_event(run).event_id, partitions, clock)
    with engine.connect() as connection:
        if found := _logged(connection, run):
            return found
    raise NotSequenced(run_event(run).event_id, DEADLINE)


def see_logged(engine: sa.Engine, event_id: str, partitions: int, clock: Clock = SYSTEM) -> int:
    """See an event that was emitted into the log; its position. Raises NotSequenced when it is not within a minute."""
    deadline = clock.monotonic() + DEADLINE
    while clock.monotonic() < deadline:
        taken = sequence(engine, partitions).taken
        with engine.connect() as connection:
            if position := position_of(connection, event_id):
                return position
        if not taken:  # the relay is at it
            clock.sleep(0.005)
    raise NotSequenced(event_id, DEADLINE)


def _logged(connection: sa.Connection, run: str) -> tuple[int, RunEvent] | None:
    row = connection.execute(_LOGGED, {"event_id": run_event(run).event_id}).one_or_none()
    if row is None:
        return None
    event = decode(row.type, row.version, row.data)
    if not isinstance(event, RunEvent):
        raise TypeError(f"{event.event_id} begins no run")
    return row.position, event


def note_late_events(
    snapshot: sa.Connection,
    connection: sa.Connection,
    run: str,
    barrier: int,
    *,
    unit_of: Callable[[Event], str | None] = Event.key,
) -> int:
    """Write down which events `snapshot` shows although they lie behind the barrier; how many.

    Events are emitted in the transaction of the rows they tell of, so the snapshot shows an event, in the outbox or in
    the log, exactly when it shows those rows. `unit_of` says which unit of the job an event concerns; None for any.
    """
    rows = [
        {"run": run, "event_id": row.event_id, "type": row.type, "unit": _unit(row, unit_of)}
        for row in snapshot.execute(_BEHIND, {"barrier": barrier})
    ]
    connection.execute(sa.text("DELETE FROM cutover.late_events WHERE run = :run"), {"run": run})
    if rows:
        connection.execute(_NOTE, rows)
    return len(rows)


def _unit(row: sa.Row[tuple[str, str, int, str]], unit_of: Callable[[Event], str | None]) -> str | None:
    try:
        return unit_of(decode(row.type, row.version, row.data))
    except BadEvent:  # the sequencer will refuse it; until then it may concern anybody
        return None


_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('begin ' || :run, 0))")
"""Two who begin the same run while the stage changes would tell two different things of it."""

_EMITTED = sa.text("SELECT EXISTS (SELECT FROM cutover.outbox WHERE event_id = :event_id)")

_LOGGED = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events WHERE event_id = :event_id
""")

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
