"""Emit: a fact becomes a row of the outbox in the caller's own transaction. No lock, no network, no Redis."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from events.codec import encode
from events.event import Event
from runtime.database import copy_rows

if TYPE_CHECKING:
    # Whoever has a session has imported it; for all others it would be a tenth of what starting takes.
    from sqlalchemy.orm import Session

COLUMNS = ("event_id", "type", "version", "data")


def emit(session: "Session | sa.Connection", *events: Event) -> None:
    """Write `events` to the outbox, to be logged if and when the caller's transaction commits.

    Raises BadEvent, naming the field, its value and what was expected, before anything is written.
    """
    rows = [_row(event) for event in events]
    if rows:
        connection = session if isinstance(session, sa.Connection) else session.connection()
        connection.exec_driver_sql(_INSERT, rows if len(rows) > 1 else rows[0])


def emit_many(connection: sa.Connection, events: Iterable[Event]) -> int:
    """Like `emit`, by COPY, for thousands of events at once. Returns how many were written."""
    return copy_rows(connection, "cutover.outbox", COLUMNS, _rows(events))


_INSERT = "INSERT INTO cutover.outbox (event_id, type, version, data) VALUES (%s, %s, %s, CAST(%s AS jsonb))"
"""Handed to the driver as it is: compiling and binding would take as long as all the rest."""


def _rows(events: Iterable[Event]) -> Iterator[tuple[str, str, int, str]]:
    return (_row(event) for event in events)


def _row(event: Event) -> tuple[str, str, int, str]:
    return event.event_id, event.type, event.version, encode(event)
