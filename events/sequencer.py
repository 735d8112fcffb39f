"""The sequencer: moves committed outbox rows into the log, at gapless positions, each fact once.

A Postgres sequence does not commit in order, so no reader can trust one. Here only one transaction at a time gives
out positions, and it gives them to rows that are committed already: whoever reads the log up to a position has seen
everything before it. The main app's transactions never wait for any of this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from events.codec import decode
from events.errors import BadEvent
from events.event import Event
from events.partition import partition_of

LOCK = 0x6375746F766572  # "cutover": the advisory lock of whoever sequences
AT_ONCE = 5000
"""Rows of one pass, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Sequenced:
    """What one pass did: how many rows it took, and how many of which (type, partition) it logged."""

    taken: int = 0
    refused: int = 0
    duplicates: int = 0
    logged: Mapping[tuple[str, int], int] = field(default_factory=dict)
    last: int = 0


def sequence(engine: sa.Engine, partitions: int, limit: int = AT_ONCE, *, after: int = 0) -> Sequenced:
    """Move up to `limit` outbox rows with ids above `after` into the log; nothing while another sequencer is at it."""
    with engine.begin() as connection:
        if not connection.scalar(sa.text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
            return Sequenced()
        rows = connection.execute(_COMMITTED, {"limit": limit, "after": after}).all()
        if not rows:
            return Sequenced()
        good, refused = _sorted_out(rows, partitions)
        if refused:
            connection.execute(_REFUSE, refused)
        logged = connection.execute(_LOG, _columns(good)).all() if good else ()
    return Sequenced(
        taken=len(rows),
        refused=len(refused),
        duplicates=len(good) - sum(row.events for row in logged),
        logged={(row.type, row.partition): row.events for row in logged},
        last=max((row.last for row in logged), default=0),
    )


def sequence_all(engine: sa.Engine, partitions: int) -> int:
    """Sequence until the outbox is empty or another sequencer holds the lock; how many rows were taken."""
    taken = 0
    while step := sequence(engine, partitions).taken:
        taken += step
    return taken


Good = tuple[int, int, str]
"""A row the log can hold: its id in the outbox, the event's partition, and its time."""


def _sorted_out(rows: Sequence[sa.Row[Any]], partitions: int) -> tuple[list[Good], list[dict[str, Any]]]:
    """Rows the log can hold, with partition and event time, and rows it cannot, with the reason."""
    good: list[Good] = []
    refused: list[dict[str, Any]] = []
    told: dict[str, Event] = {}
    for row in rows:
        try:
            event = decode(row.type, row.version, row.data)
            if event.event_id != row.event_id:
                raise BadEvent(f"event_id is {row.event_id!r}: expected {event.event_id!r}")
            if row.logged is not None:
                told.setdefault(row.event_id, decode(row.type, row.logged_version, row.logged))
            known = told.setdefault(row.event_id, event)
            if known is not event and known != event:
                raise BadEvent(f"{row.event_id} is in the log already, saying something else")
        except BadEvent as problem:
            refused.append({"id": row.id, "reason": str(problem)})
            continue
        good.append((row.id, partition_of(event.key(), partitions), event.occurred_at.isoformat()))
    return good, refused


def _columns(good: Sequence[Good]) -> dict[str, str]:
    """One text a column: it costs a driver and a server less than an array of values."""
    columns = zip(*good, strict=True)
    return {name: ",".join(map(str, column)) for name, column in zip(("id", "partition", "at"), columns, strict=True)}


_COMMITTED = sa.text("""
    SELECT o.id, o.event_id, o.type, o.version, o.data::text AS data,
           CASE WHEN e.data <> o.data THEN e.data::text END AS logged, e.version AS logged_version
    FROM cutover.outbox o
    LEFT JOIN LATERAL (SELECT data, version FROM cutover.events WHERE event_id = o.event_id LIMIT 1) AS e ON true
    WHERE o.id > :after ORDER BY o.id LIMIT :limit
""")
"""A look into an index for each row: where the statistics of the outbox are older than its emptying, the whole log is
read for a join."""

_REFUSE = sa.text("""
    WITH claimed AS (
        DELETE FROM cutover.outbox WHERE id = :id RETURNING event_id, type, version, data
    )
    INSERT INTO cutover.refused_events (event_id, type, version, data, reason)
    SELECT event_id, type, version, data, :reason FROM claimed
""")

_LOG = sa.text("""
    WITH claimed AS (
        DELETE FROM cutover.outbox o
        USING unnest(CAST(string_to_array(:id, ',') AS bigint[]),
                     CAST(string_to_array(:partition, ',') AS smallint[]),
                     CAST(string_to_array(:at, ',') AS timestamptz[])) AS known (id, partition, occurred_at)
        WHERE o.id = known.id
        RETURNING o.id, o.event_id, o.type, o.version, known.partition, known.occurred_at, o.data
    ), fresh AS (
        SELECT DISTINCT ON (event_id) * FROM claimed
        WHERE NOT EXISTS (SELECT FROM cutover.events e WHERE e.event_id = claimed.event_id)
        ORDER BY event_id, id
    ), logged AS (
        INSERT INTO cutover.events (position, event_id, type, version, partition, occurred_at, data)
        SELECT head.position + row_number() OVER (ORDER BY fresh.id),
               fresh.event_id, fresh.type, fresh.version, fresh.partition, fresh.occurred_at, fresh.data
        FROM fresh, (SELECT coalesce(max(position), 0) AS position FROM cutover.events) AS head
        RETURNING position, type, partition
    )
    SELECT type, partition, count(*) AS events, max(position) AS last FROM logged GROUP BY type, partition
""")
