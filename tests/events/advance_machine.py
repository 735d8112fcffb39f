"""Advance as a state machine: a subscription, two that follow it, batches of any size, failures, held partitions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from events import (
    EVERY_PARTITION,
    Advanced,
    Batch,
    Event,
    OrderCancelled,
    OrderId,
    ProductAdded,
    ProductId,
    Reaction,
    Subscription,
    Subscriptions,
    UserId,
    UserRegistered,
    advance,
    advance_to_end,
    emit,
    head,
    open_checkpoints,
    partition_of,
    sequence_all,
)

PARTITIONS = 3
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)

Place = tuple[str, int]
"""A subscription and one of its partitions."""


class OnPurpose(Exception):
    """The reaction fails, after it has written its effects."""


class Advance(RuleBasedStateMachine):
    """Drives the real `advance` over a real database, beside a list of what is in the log."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        name = uuid4().hex[:8]
        self.first, self.beside, self.above = f"{name}-first", f"{name}-beside", f"{name}-above"
        self.number = 0
        self.fails = False
        self.log: dict[int, Event] = {}
        self.holder: sa.Connection | None = None
        self.held: Place | None = None
        self.checkpoints: dict[Place, int] = {}
        keyed, every = frozenset({"UserRegistered", "OrderCancelled"}), frozenset({"ProductAdded"})
        self.subscriptions = Subscriptions(
            [
                self.subscription(self.first, frozenset({"UserRegistered"}) | every),
                self.subscription(self.beside, keyed, after=(self.first,)),
                self.subscription(self.above, keyed | every, after=(self.first,), partitioned=False),
            ]
        )

    @initialize()
    def begin(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(_CREATE)
            self.start = head(connection)
            open_checkpoints(connection, self.subscriptions, PARTITIONS)
            for place in self.places():
                self.checkpoints[place] = self.start
                connection.execute(_BEGIN_AT, {"name": place[0], "position": self.start})

    @rule(kinds=st.lists(st.sampled_from(["user", "order", "product"]), min_size=1, max_size=6))
    def tell(self, kinds: list[str]) -> None:
        events = [self.event(kind) for kind in kinds]
        with self.engine.begin() as connection:
            emit(connection, *events)
        sequence_all(self.engine, PARTITIONS)
        self.log.update(enumerate(events, self.end() + 1))

    @rule(
        which=st.integers(0, 1000),
        limit=st.integers(1, 4),
        fails=st.sampled_from([False, False, False, True]),
    )
    def step(self, which: int, limit: int, fails: bool) -> None:
        place = self.places()[which % len(self.places())]
        found, upto, end = self.expected(place, limit)
        self.fails = fails
        try:
            done = advance(self.engine, self.subscriptions, *place, limit=limit)
        except OnPurpose:
            assert fails
            assert found
            assert place != self.held
            return
        finally:
            self.fails = False
        if place == self.held:
            assert done == Advanced(held=True)
            return
        assert not (fails and found), "a reaction that failed was taken for one that did not"
        types = frozenset(self.log[position].type for position in found)
        assert done == Advanced(events=len(found), types=types, position=upto, more=upto < end)
        self.checkpoints[place] = upto

    @rule(which=st.integers(0, 1000))
    def hold(self, which: int) -> None:
        """Another worker is at this partition."""
        if self.holder is None:
            self.holder = self.engine.connect()
            self.held = self.places()[which % len(self.places())]
            name, partition = self.held
            self.holder.execute(_HOLD, {"name": name, "partition": partition})

    @rule()
    def step_where_another_is_at_work(self) -> None:
        if self.held is not None:
            assert advance(self.engine, self.subscriptions, *self.held) == Advanced(held=True)

    @rule()
    def let_go(self) -> None:
        if self.holder is not None:
            self.holder.close()
        self.holder = self.held = None

    @invariant()
    def I4_effects_are_those_of_the_events_up_to_the_checkpoint_once_and_in_order(self) -> None:
        effects = self.effects()
        for place, checkpoint in self.checkpoints.items():
            reached = effects[place]
            assert reached == [position for position in self.read_by(place) if position <= checkpoint], place
            for before in self.followed(place):
                missing = set(self.read_by(before)) - set(effects[before])
                assert not reached or min(missing, default=reached[-1] + 1) > reached[-1], (place, "ahead of", before)

    def teardown(self) -> None:
        self.let_go()
        for place in self.places():
            advance_to_end(self.engine, self.subscriptions, *place)
        effects = self.effects()
        for place in self.places():
            assert effects[place] == list(self.read_by(place)), "not what a fold from the beginning gives"

    def subscription(
        self, name: str, types: frozenset[str], *, after: tuple[str, ...] = (), partitioned: bool = True
    ) -> Subscription:
        reaction = self.reaction(name)
        return Subscription(name=name, queue="ml", types=types, reaction=reaction, after=after, partitioned=partitioned)

    def reaction(self, name: str) -> Reaction:
        def write_down(connection: sa.Connection, batch: Batch) -> None:
            for each in batch.events:
                assert self.log[each.position] == each.event
                parameters = {"name": name, "partition": batch.partition, "position": each.position}
                connection.execute(_WRITE_DOWN, parameters)
            if self.fails:
                raise OnPurpose

        return write_down

    def event(self, kind: str) -> Event:
        self.number += 1
        about = f"{self.first}-{self.number}"
        match kind:
            case "user":
                return UserRegistered(user_id=UserId(about), occurred_at=AT)
            case "order":
                return OrderCancelled(user_id=UserId(about), order_id=OrderId(about), occurred_at=AT)
            case _:
                return ProductAdded(product_id=ProductId(about), revision=1, name="mug", price=1, occurred_at=AT)

    def places(self) -> list[Place]:
        return [(each.name, number) for each in self.subscriptions for number in each.partitions(PARTITIONS)]

    def end(self) -> int:
        return max(self.log, default=self.start)

    def read_by(self, place: Place) -> Iterator[int]:
        """The positions of all events that this partition of this subscription reads."""
        subscription = self.subscriptions[place[0]]
        for position, event in self.log.items():
            where = (EVERY_PARTITION, place[1]) if subscription.partitioned else range(-1, PARTITIONS)
            if event.type in subscription.types and partition_of(event.key(), PARTITIONS) in where:
                yield position

    def followed(self, place: Place) -> list[Place]:
        """Whom it must not get ahead of."""
        subscription = self.subscriptions[place[0]]
        return [
            (name, number)
            for name, number in self.places()
            if name in subscription.after and (not subscription.partitioned or number == place[1])
        ]

    def expected(self, place: Place, limit: int) -> tuple[list[int], int, int]:
        """What one step has to fold, where it has to end, and how far it might have read."""
        pending = [
            position
            for before in self.followed(place)
            for position in self.read_by(before)
            if position > self.checkpoints[before]
        ]
        checkpoint = self.checkpoints[place]
        end = max(checkpoint, min(pending, default=self.end() + 1) - 1)
        found = [position for position in self.read_by(place) if checkpoint < position <= end][:limit]
        return found, found[-1] if len(found) == limit else end, end

    def effects(self) -> dict[Place, list[int]]:
        """The positions of the events whose effects are there, in the order in which they came to be."""
        found: dict[Place, list[int]] = {place: [] for place in self.places()}
        with self.engine.connect() as connection:
            names = [subscription.name for subscription in self.subscriptions]
            for name, partition, position in connection.execute(_EFFECTS, {"names": names}):
                found[name, partition].append(position)
        return found


_CREATE = sa.text("""
    CREATE TABLE IF NOT EXISTS effects (
        id bigint GENERATED ALWAYS AS IDENTITY, name text, partition integer, position bigint
    )
""")
_WRITE_DOWN = sa.text("INSERT INTO effects (name, partition, position) VALUES (:name, :partition, :position)")
_EFFECTS = sa.text("SELECT name, partition, position FROM effects WHERE name = ANY(:names) ORDER BY id")
_BEGIN_AT = sa.text("UPDATE cutover.checkpoints SET position = :position WHERE subscription = :name")
_HOLD = sa.text("SELECT FROM cutover.checkpoints WHERE subscription = :name AND partition = :partition FOR UPDATE")
