"""The log as a state machine: transactions that end in any order, facts told again or contradicted, readers."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from events import (
    EVERY_PARTITION,
    Event,
    ProductAdded,
    ProductId,
    Sequenced,
    UserId,
    UserRegistered,
    emit,
    head,
    partition_of,
    position_of,
    read,
    sequence,
)
from events.log import recorded
from events.sequencer import LOCK

PARTITIONS = 3
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
TYPES = ("UserRegistered", "ProductAdded")
PASSING = 3
"""The number of a writer who commits at once; the others take their time."""

writers = st.integers(0, 2)

facts = st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from([0, 0, 1]))
"""Of a product or of a user, which one, and what is said of it: two that differ in the last contradict each other."""


@dataclass
class Writer:
    """An open transaction, and what it told, each with its place in the order of telling."""

    connection: sa.Connection
    told: list[tuple[int, Event]] = field(default_factory=list)


@dataclass
class Reader:
    """Somebody who reads on from where they stopped; without a partition, everything."""

    partition: int | None
    position: int
    seen: list[tuple[int, Event]] = field(default_factory=list)


class Log(RuleBasedStateMachine):
    """Drives the real functions over a real database, beside lists that say what must come of it."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        self.name = uuid4().hex[:8]
        self.writers: dict[int, Writer] = {}
        self.tellings = 0
        self.outbox: list[tuple[int, Event]] = []
        self.log: list[Event] = []
        self.refused: list[str] = []

    @initialize()
    def begin(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM cutover.outbox"))  # what an example that failed has left
            self.start = head(connection)
        self.readers = [Reader(partition, self.start) for partition in (None, *range(PARTITIONS))]

    @rule(writer=writers, told=st.lists(facts, min_size=1, max_size=3))
    def tell(self, writer: int, told: list[tuple[bool, int, int]]) -> None:
        if writer not in self.writers:
            self.writers[writer] = Writer(self.engine.connect())
        events = [self.event(*each) for each in told]
        emit(self.writers[writer].connection, *events)
        for event in events:
            self.tellings += 1
            self.writers[writer].told.append((self.tellings, event))

    @rule(writer=writers, keep=st.sampled_from([True, True, False]))
    def end(self, writer: int, keep: bool) -> None:
        ended = self.writers.pop(writer, None)
        if ended is None:
            return
        if keep:
            ended.connection.commit()
            self.outbox = sorted([*self.outbox, *ended.told], key=lambda each: each[0])
        ended.connection.close()

    @rule(told=st.lists(facts, min_size=1, max_size=3), limit=st.integers(1, 5))
    def tell_at_once(self, told: list[tuple[bool, int, int]], limit: int) -> None:
        self.tell(PASSING, told)
        self.end(PASSING, keep=True)
        self.sequence(limit)

    @rule(limit=st.integers(1, 5))
    def sequence(self, limit: int) -> None:
        assert sequence(self.engine, PARTITIONS, limit) == self.expected(limit)

    @rule()
    def sequence_while_another_does(self) -> None:
        with self.engine.begin() as other:
            other.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            assert sequence(self.engine, PARTITIONS) == Sequenced()

    @rule(which=st.integers(0, PARTITIONS), limit=st.integers(1, 4))
    def read_on(self, which: int, limit: int) -> None:
        reader = self.readers[which]
        with self.engine.connect() as connection:
            end = head(connection)
            found = read(
                connection, types=TYPES, partition=reader.partition, after=reader.position, upto=end, limit=limit
            )
        reader.seen += [(each.position, each.event) for each in found]
        reader.position = found[-1].position if len(found) == limit else end

    @invariant()
    def I1_the_log_holds_each_committed_fact_once_without_a_gap(self) -> None:
        with self.engine.connect() as connection:
            held = recorded(connection.execute(_LOG, {"start": self.start}))
        assert [(each.position, each.event) for each in held] == list(enumerate(self.log, self.start + 1))

    @invariant()
    def a_reader_has_seen_all_there_is_up_to_where_it_stands(self) -> None:
        for reader in self.readers:
            numbered = enumerate(self.log, self.start + 1)
            assert reader.seen == [
                (position, event)
                for position, event in numbered
                if position <= reader.position and reader.partition in (None, *reached(event))
            ]

    def teardown(self) -> None:
        for writer in list(self.writers):
            self.end(writer, keep=False)
        while self.outbox:
            self.sequence(5)
        with self.engine.connect() as connection:
            ids = connection.scalars(_REFUSED, {"ids": f"%:{self.name}-%"}).all()
            assert connection.scalar(sa.text("SELECT count(*) FROM cutover.outbox")) == 0
            for position, event in enumerate(self.log, self.start + 1):
                assert position_of(connection, event.event_id) == position
        assert list(ids) == self.refused
        for which in range(len(self.readers)):
            self.read_on(which, 1000)
        self.a_reader_has_seen_all_there_is_up_to_where_it_stands()

    def event(self, product: bool, number: int, said: int) -> Event:
        about, at = f"{self.name}-{number}", AT + timedelta(hours=said)
        if product:
            return ProductAdded(product_id=ProductId(about), revision=1, name="mug", price=1, occurred_at=at)
        return UserRegistered(user_id=UserId(about), occurred_at=at)

    def expected(self, limit: int) -> Sequenced:
        """What sequencing has to come to: of what is committed, the first told that are news."""
        taken, self.outbox = self.outbox[:limit], self.outbox[limit:]
        logged, refused, duplicates = [], 0, 0
        known = {event.event_id: event for event in self.log}
        for _, event in taken:
            first = known.setdefault(event.event_id, event)
            if first is event:
                logged.append(event)
            elif first == event:
                duplicates += 1
            else:
                refused += 1
                self.refused.append(event.event_id)
        self.log += logged
        return Sequenced(
            taken=len(taken),
            refused=refused,
            duplicates=duplicates,
            logged=Counter((event.type, partition_of(event.key(), PARTITIONS)) for event in logged),
            last=self.start + len(self.log) if logged else 0,
        )


def reached(event: Event) -> range:
    """The partitions that see this event."""
    partition = partition_of(event.key(), PARTITIONS)
    return range(PARTITIONS) if partition == EVERY_PARTITION else range(partition, partition + 1)


_LOG = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events WHERE position > :start ORDER BY position
""")

_REFUSED = sa.text("SELECT event_id FROM cutover.refused_events WHERE event_id LIKE :ids ORDER BY id")
