"""Emit: a fact becomes a row of the outbox in the caller's own transaction. No lock, no network, no Redis."""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from events import schema
from events.codec import encode
from events.event import Event
from runtime.database import copy_rows

COLUMNS = ("event_id", "type", "version", "data")


def emit(session: Session | sa.Connection, *events: Event) -> None:
    """Write `events` to the outbox, to be logged if and when the caller's transaction commits.

    Raises BadEvent, naming the field, its value and what was expected, before anything is written.
    """
    rows = [dict(zip(COLUMNS, _row(event), strict=True)) for event in events]
    if rows:
        session.execute(_INSERT, rows)


def emit_many(connection: sa.Connection, events: Iterable[Event]) -> int:
    """Like `emit`, by COPY, for thousands of events at once. Returns how many were written."""
    return copy_rows(connection, "cutover.outbox", COLUMNS, _rows(events))


_INSERT = sa.insert(schema.outbox).values(
    event_id=sa.bindparam("event_id"),
    type=sa.bindparam("type"),
    version=sa.bindparam("version"),
    data=sa.cast(sa.bindparam("data", type_=sa.Text), schema.outbox.c.data.type),
)


def _rows(events: Iterable[Event]) -> Iterator[tuple[str, str, int, str]]:
    return (_row(event) for event in events)


def _row(event: Event) -> tuple[str, str, int, str]:
    return event.event_id, event.type, event.version, encode(event)
