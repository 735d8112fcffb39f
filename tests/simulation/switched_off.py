"""What a system without one of its safeguards would be: substitutes that the simulation hands in."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from events import Batch, RunEvent, Subscriptions, advance, low_water, sequencer
from events.advance import Advanced, _lock, _next_batch
from events.low_water import LowWater
from handlers import nudges
from handlers.catalogue import Catalogue, CatalogueView
from handlers.delivery import claiming, ledger
from handlers.delivery.dispatch import Dispatcher
from handlers.delivery.flights import Flights
from handlers.delivery.ledger import Claim, Claimed
from handlers.recommendations import RecommendationsReaction
from handlers.tracking import fold
from tests.simulation import sender
from tests.simulation.database import Database
from tests.simulation.sender import everybodys_turn
from tests.simulation.standing_in import instead_of, replaced


@contextmanager
def no_compare_and_set(database: Database) -> Iterator[None]:
    with (
        _disabled(database, "send_ledger", "check_change"),
        instead_of(claiming, "claim", _claim_without_looking_again),
        everybodys_turn(),
    ):
        yield


def _claim_without_looking_again(
    connection: sa.Connection,
    partition: int,
    limit: int,
    *,
    lease: float,
    after: tuple[str, str] = ("", ""),
    run: str | None = None,
    now: datetime | None = None,
) -> Claimed:
    """Reads what is due, and claims it in a second statement, whatever it has become."""
    parameters = {"partition": partition, "limit": limit, "lease": lease, "now": now, "only": run}
    due = connection.execute(sa.text(ledger._DUE), {**parameters, "after_run": after[0], "after_user": after[1]}).all()
    claims = []
    for row in due:
        claimed = connection.execute(_TAKE, {"run": row.run, "user_id": row.user_id, "lease": lease, "now": now}).one()
        claims.append(Claim(**claimed._mapping))
    last = max(((row.run, row.user_id) for row in due), default=after)
    return Claimed(claims=claims, last=last, more=len(due) == limit)


_TAKE = sa.text("""
    UPDATE cutover.send_ledger
    SET state = 'sending', attempt = attempt + 1, reason = NULL, evidence = NULL, not_before = NULL,
        lease_until = CAST(:now AS timestamptz) + make_interval(secs => :lease)
    WHERE run = :run AND user_id = :user_id
    RETURNING run, user_id, path, send_id, attempt
""")


@contextmanager
def no_fencing(_: Database) -> Iterator[None]:
    text = ledger._SETTLE.text
    unfenced = replaced(replaced(text, "WHERE l.attempt = told.attempt\n          AND (", "WHERE ("), _FENCE, "")
    with instead_of(ledger, "_SETTLE", sa.text(unfenced)):
        yield


_FENCE = " AND l.attempt = told.attempt"


@contextmanager
def no_lease_check(_: Database) -> Iterator[None]:
    with instead_of(Flights, "_too_late", lambda *_: False):
        yield


@contextmanager
def no_commit_before_call(_: Database) -> Iterator[None]:
    with instead_of(sender, "Dispatcher", _dispatcher_that_commits_late):
        yield


def _dispatcher_that_commits_late(engine: sa.Engine, *arguments: Any, **options: Any) -> Dispatcher:  # noqa: ANN401
    late: Any = _CommitsLate(engine)
    made = Dispatcher(late, *arguments, **options)
    made.flights._engine = late.settling
    return made


class _CommitsLate:
    """An engine whose claims stay uncommitted until what came of them is written down, in the same transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._open: sa.Connection | None = None
        self.settling = _Settling(self)

    def connect(self) -> sa.Connection:
        return self._engine.connect()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        if self._open is None:
            self._open = self._engine.connect()
        yield self._open

    @contextmanager
    def settle(self) -> Iterator[sa.Connection]:
        if self._open is None:
            with self._engine.begin() as connection:
                yield connection
            return
        connection, self._open = self._open, None
        with connection:
            yield connection
            connection.commit()


@dataclass(frozen=True)
class _Settling:
    of: _CommitsLate

    def begin(self) -> AbstractContextManager[sa.Connection]:
        return self.of.settle()


@contextmanager
def checkpoint_apart(_: Database) -> Iterator[None]:
    with instead_of(nudges, "advance", _advance_in_two_transactions):
        yield


def _advance_in_two_transactions(
    engine: sa.Engine, subscriptions: Subscriptions, name: str, partition: int
) -> Advanced:
    """Commits the effects, and after that the checkpoint."""
    key = {"subscription": name, "partition": partition}
    with engine.begin() as connection:
        subscription = subscriptions[name]
        mine = _lock(connection, subscriptions, subscription, partition)
        if mine is None:
            return Advanced(held=True)
        position, end = mine
        if end <= position:
            return Advanced(position=position)
        batch = _next_batch(connection, subscription, partition, position, end, 5000)
        if batch.events:
            subscription.reaction(connection, batch)
    with engine.begin() as connection:
        connection.execute(_advance._MOVE, {**key, "position": batch.upto})
    types = frozenset(each.event.type for each in batch.events)
    return Advanced(events=len(batch.events), types=types, position=batch.upto, more=batch.upto < end)


_advance = sys.modules[advance.__module__]


@contextmanager
def no_as_of(_: Database) -> Iterator[None]:
    as_of = Catalogue.at

    def newest(self: Catalogue, position: int) -> CatalogueView:  # noqa: ARG001
        return as_of(self, sys.maxsize)

    with instead_of(Catalogue, "at", newest):
        yield


@contextmanager
def no_deduplication(database: Database) -> Iterator[None]:
    text = sequencer._LOG.text
    text = replaced(text, "SELECT DISTINCT ON (event_id) * FROM claimed", "SELECT * FROM claimed")
    text = replaced(text, "WHERE NOT EXISTS (SELECT FROM cutover.events e WHERE e.event_id = claimed.event_id)", "")
    with _dropped(database, "events_event_id_key", "UNIQUE (event_id)"), instead_of(sequencer, "_LOG", sa.text(text)):
        yield


@contextmanager
def not_monotone(database: Database) -> Iterator[None]:
    text = fold._FOLD.text
    for name in fold.NEWS:
        text = replaced(text, f"least(l.{name}_at, told.{name}_at)", f"coalesce(told.{name}_at, l.{name}_at)")
    with _disabled(database, "send_ledger", "check_news"), instead_of(fold, "_FOLD", sa.text(text)):
        yield


@contextmanager
def no_barrier(_: Database) -> Iterator[None]:
    with instead_of(RecommendationsReaction, "__call__", _fold_all_and_then_freeze):
        yield


def _fold_all_and_then_freeze(self: RecommendationsReaction, connection: sa.Connection, batch: Batch) -> None:
    """Folds the whole batch before it looks whether a run began in it."""
    self._catalogue.load(connection)
    self._fold(connection, batch.partition, batch.events, batch.events[0].position - 1)
    for each in batch.events:
        if isinstance(each.event, RunEvent):
            self._freeze(connection, batch.partition, each.event, each.position)


@contextmanager
def no_sequencer_lock(database: Database) -> Iterator[None]:
    from events import relay
    from shadow import barrier

    with (
        _dropped(database, "events_pkey", "PRIMARY KEY (position)"),
        instead_of(relay, "sequence", _compete),
        patch.object(barrier, "sequence", _compete),
    ):
        yield


@contextmanager
def no_low_water(_: Database) -> Iterator[None]:
    with instead_of(LowWater, "look", _trust_ids):
        yield


def _trust_ids(self: LowWater, connection: sa.Connection) -> None:
    """Takes it that ids are committed in the order in which they are given out."""
    given_out = connection.execute(low_water._WRITERS).one().given_out
    left = connection.scalar(low_water._LEFT, {"after": self.mark, "upto": given_out})
    self.mark = given_out if left is None else left - 1


def _compete(
    engine: sa.Engine, partitions: int, limit: int = sequencer.AT_ONCE, *, after: int = 0
) -> sequencer.Sequenced:
    """Takes what no other sequencer has locked, beside the others."""
    with engine.begin() as connection:
        rows = connection.execute(_NOT_LOCKED, {"limit": limit, "after": after}).all()
        if not rows:
            return sequencer.Sequenced()
        good, _ = sequencer._sorted_out(rows, partitions)
        connection.execute(sequencer._LOG, sequencer._columns(good))
    return sequencer.Sequenced(taken=len(rows))


_NOT_LOCKED = sa.text(sequencer._COMMITTED.text.rstrip() + " FOR UPDATE OF o SKIP LOCKED")


@contextmanager
def _disabled(database: Database, table: str, trigger: str) -> Iterator[None]:
    """Without a trigger of the database that stands behind the safeguard."""
    change = f"ALTER TABLE cutover.{table} {{}} TRIGGER {trigger}"
    database.administration.execute(change.format("DISABLE").encode())
    try:
        yield
    finally:
        database.administration.execute(change.format("ENABLE").encode())


@contextmanager
def _dropped(database: Database, constraint: str, definition: str) -> Iterator[None]:
    """Without a constraint of the log that stands behind the safeguard."""
    database.administration.execute(f"ALTER TABLE cutover.events DROP CONSTRAINT {constraint}".encode())
    try:
        yield
    finally:
        database.reset("event_driven")
        add = f"ALTER TABLE cutover.events ADD CONSTRAINT {constraint} {definition}"
        database.administration.execute(add.encode())
