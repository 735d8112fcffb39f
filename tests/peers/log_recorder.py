"""The log behind the recorder interfaces of the `eventsourcing` library, for its own test cases to be run against.

An aggregate is a product, and its version, which they count from 0, the product's revision, which we count from 1:
both are an id and a number that together name one fact. A notification's id is a position of the log.

Their recorders refuse, before anything is written, whatever is recorded already, even if it says the same. Our log
takes a fact told twice for the same fact, and sets aside what contradicts it afterwards. An app of ours that wants to
be refused looks first, in its own transaction and under a lock of its own; so does this one. The log takes none.
"""

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import msgspec
import sqlalchemy as sa
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    StoredEvent,
    Subscription,
)

from events import Batch, Nudge, ProductChanged, ProductId, Relay, Subscriptions, emit, head, read
from events import Subscription as Reader
from tests.deadline import wait_until

PARTITIONS = 4
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
TYPES = ("ProductChanged",)
PAGE = 500


class LogAggregateRecorder(AggregateRecorder):
    """Appends to the sequences of aggregates and reads them. With `batches_together`, one appender at a time."""

    def __init__(self, engine: sa.Engine, *, batches_together: bool = False) -> None:
        self.listeners: set[threading.Event] = set()
        self._engine = engine
        self._batches_together = batches_together
        reader = Reader(name="peers", queue="peers", types=frozenset(TYPES), reaction=_nothing_to_do, partitioned=False)
        self._relay = Relay(engine, Subscriptions([reader]), PARTITIONS, self._nudged)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> Sequence[int] | None:
        self._append(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        found = [
            StoredEvent(each.originator_id, each.originator_version, each.topic, each.state)
            for each in self._notifications(after=0, upto=None)
            if each.originator_id == originator_id
            and (gt is None or each.originator_version > gt)
            and (lte is None or each.originator_version <= lte)
        ]
        return found[::-1][:limit] if desc else found[:limit]

    def _append(self, stored_events: Sequence[StoredEvent]) -> list[int]:
        told = [_as_event(each) for each in stored_events]
        ids = [event.event_id for event in told]
        with self._engine.begin() as connection:
            self._refuse_known(connection, told, ids)
            emit(connection, *told)
        if ids:
            wait_until(lambda: self._logged(ids), what="being logged")
        return self._positions(ids)

    def _logged(self, ids: Sequence[str]) -> bool:
        """Whether all of these are in the log, now that it has been given a push."""
        self._relay.step()
        return len(self._positions(ids)) == len(ids)

    def _refuse_known(self, connection: sa.Connection, told: Sequence[ProductChanged], ids: Sequence[str]) -> None:
        names = {""} if self._batches_together else {event.product_id for event in told}
        for name in sorted(names):
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})
        known = connection.scalars(_KNOWN, {"ids": ids}).all()
        if known or len(set(ids)) < len(ids):
            raise IntegrityError(f"already recorded: {known or ids}")

    def _positions(self, ids: Sequence[str]) -> list[int]:
        with self._engine.connect() as connection:
            return list(connection.scalars(_POSITIONS, {"ids": ids}))

    def _notifications(self, *, after: int, upto: int | None) -> Iterator[Notification]:
        """What the log holds beyond `after`, page by page, as far as it reaches when each page is read."""
        while True:
            with self._engine.connect() as connection:
                end = head(connection) if upto is None else upto
                page = read(connection, types=TYPES, partition=None, after=after, upto=end, limit=PAGE)
            for each in page:
                if isinstance(each.event, ProductChanged):
                    yield _as_notification(each.position, each.event)
            if len(page) < PAGE:
                return
            after = page[-1].position

    def _nudged(self, _: Iterable[Nudge]) -> None:
        for listener in self.listeners.copy():
            listener.set()


class LogApplicationRecorder(LogAggregateRecorder, ApplicationRecorder):
    """The same, and reads all of them in the order of the log."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> Sequence[int] | None:
        return self._append(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if start and inclusive_of_start else 0)
        found = self._notifications(after=after, upto=stop)
        return list(islice((each for each in found if not topics or each.topic in topics), limit))

    def max_notification_id(self) -> int | None:
        with self._engine.connect() as connection:
            return head(connection) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return Nudged(recorder=self, gt=gt, topics=topics)


class Nudged(ListenNotifySubscription[LogApplicationRecorder]):
    """Their subscription, which looks again whenever the relay says that there is something to see."""

    def __init__(self, recorder: LogApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        recorder.listeners.add(self._has_been_notified)

    def stop(self) -> None:
        super().stop()
        self._recorder.listeners.discard(self._has_been_notified)


def _as_event(stored: StoredEvent) -> ProductChanged:
    return ProductChanged(
        product_id=ProductId(str(stored.originator_id)),
        revision=stored.originator_version + 1,
        name=msgspec.json.encode([stored.topic, b64encode(stored.state).decode()]).decode(),
        price=0,
        occurred_at=AT,
    )


def _as_notification(position: int, event: ProductChanged) -> Notification:
    topic, state = msgspec.json.decode(event.name, type=tuple[str, str])
    return Notification(UUID(event.product_id), event.revision - 1, topic, b64decode(state), position)


def _nothing_to_do(_: sa.Connection, __: Batch) -> None:
    """Nobody advances this reader: it is there to be nudged."""


_KNOWN = sa.text("""
    SELECT event_id FROM cutover.outbox WHERE event_id = ANY(:ids)
    UNION ALL
    SELECT event_id FROM cutover.events WHERE event_id = ANY(:ids)
""")

_POSITIONS = sa.text("SELECT position FROM cutover.events WHERE event_id = ANY(:ids) ORDER BY position")
