"""A log kept by the `eventsourcing` library in PostgreSQL: its recorder, behind its own mapper and transcoder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from events import OrderPlaced


@dataclass(frozen=True)
class Placed(DomainEvent):
    """An order in the library's own form: what `OrderPlaced` says, and the time."""

    user_id: str
    order_id: str
    lines: list[list[str | int]]


class Log:
    """Appends domain events and reads them back, as the library's own event store does."""

    def __init__(self, recorder: PostgresApplicationRecorder) -> None:
        transcoder = JSONTranscoder()
        transcoder.register(DatetimeAsISO())
        self._mapper: Mapper[UUID] = Mapper(transcoder)
        self._recorder = recorder

    def append(self, events: Sequence[Placed]) -> None:
        """In one transaction, which is committed when this returns."""
        self._recorder.insert_events([self._mapper.to_stored_event(event) for event in events])

    def read_all(self, page: int) -> int:
        """Read the whole log, a page at a time; how many events there were."""
        count, start = 0, 1
        while True:
            stored = self._recorder.select_notifications(start=start, limit=page)
            count += len([self._mapper.to_domain_event(each) for each in stored])
            if len(stored) < page:
                return count
            start += page


@contextmanager
def log(url: sa.URL, clients: int) -> Iterator[Log]:
    """A log on this database, with a connection for each client, its table made and empty."""
    datastore = PostgresDatastore(
        dbname=url.database or "",
        host=str(url.query.get("host") or url.host or ""),
        port=str(url.query.get("port") or url.port or 5432),
        user=url.username or "",
        password=url.password or "",
        pool_size=clients,
    )
    with datastore:
        recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        recorder.create_table()
        yield Log(recorder)


def placed(number: int, order: OrderPlaced) -> Placed:
    """The same order as the first event of an aggregate of its own."""
    return Placed(
        originator_id=UUID(int=number),
        originator_version=1,
        timestamp=order.occurred_at,
        user_id=order.user_id,
        order_id=order.order_id,
        lines=[[line.product_id, line.quantity] for line in order.lines],
    )
