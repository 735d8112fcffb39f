"""A log kept by the `eventsourcing` library's PostgreSQL recorder, set up as its documentation shows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import sqlalchemy as sa
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore


@contextmanager
def recorder(url: sa.URL, clients: int) -> Iterator[PostgresApplicationRecorder]:
    """A recorder on this database, with a connection for each client, its table made and empty."""
    datastore = PostgresDatastore(
        dbname=url.database or "",
        host=str(url.query.get("host") or url.host or ""),
        port=str(url.query.get("port") or url.port or 5432),
        user=url.username or "",
        password=url.password or "",
        pool_size=clients,
    )
    with datastore:
        found = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        found.create_table()
        yield found


def stored(numbers: range, state: bytes) -> list[StoredEvent]:
    """The first events of so many aggregates: no two of them are about the same."""
    return [
        StoredEvent(originator_id=UUID(int=number), originator_version=1, topic="shop:OrderPlaced", state=state)
        for number in numbers
    ]


def read_all(found: PostgresApplicationRecorder, page: int) -> int:
    """Read the whole log, a page at a time; how many events there were."""
    count = 0
    start: int | None = 1
    while start is not None:
        notifications: Sequence[object] = found.select_notifications(start=start, limit=page)
        count += len(notifications)
        start = start + page if len(notifications) == page else None
    return count
