"""The relay: sequences the outbox and turns new positions into nudges; a sweep nudges whatever still lags.

A nudge says where to look, never what happened. Lost ones cost latency until the next sweep, nothing else.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import ARRAY

from events.event import EVERY_PARTITION
from events.low_water import LowWater
from events.sequencer import AT_ONCE, sequence
from events.subscription import Subscriptions
from runtime.clock import Clock

log = structlog.get_logger()


@dataclass(frozen=True, order=True)
class Nudge:
    """Look at this partition of this subscription."""

    subscription: str
    partition: int


Publish = Callable[[Iterable[Nudge]], None]

Duty = Callable[[sa.Connection], Iterable[Nudge]]
"""Something that time alone makes due: does its part through the connection, and says whom to nudge."""


class Relay:
    """Runs until told to stop: sequence, nudge, now and then sweep.

    `pause` is how long (seconds) it rests at most, and a tenth of it at first: who tells one fact often tells another.
    `sweep_every` is how often it looks for what lags, and does each of the `duties`, one at a time, so that facts do
    not wait for all of them.
    """

    def __init__(
        self,
        engine: sa.Engine,
        subscriptions: Subscriptions,
        partitions: int,
        publish: Publish,
        *,
        duties: Sequence[Duty] = (),
        pause: float = 0.02,
        sweep_every: float = 1.0,
    ) -> None:
        self._engine = engine
        self._subscriptions = subscriptions
        self._partitions = partitions
        self._publish = publish
        self._low_water = LowWater()
        self._chores: list[Callable[[], None]] = [
            self._nudge_lagging,
            self._look_at_low_water,
            *(partial(self._do, duty) for duty in duties),
        ]
        self._pause = pause
        self._sweep_every = sweep_every
        self._stopping = threading.Event()

    def step(self) -> int:
        """Sequence one batch and nudge those it concerns; how many outbox rows it took."""
        done = sequence(self._engine, self._partitions, after=self._low_water.mark)
        if done.refused:
            log.warning("events_refused", count=done.refused)
        nudges = concerned(self._subscriptions, self._partitions, done.logged)
        if nudges:
            self._publish(nudges)
        return done.taken

    def sweep(self) -> None:
        """Nudge every partition that has something left to read, whatever became of earlier nudges; do all duties."""
        for chore in self._chores:
            chore()

    def _nudge_lagging(self) -> None:
        # Committed, though it only reads: on a rollback the driver forgets what it has prepared.
        with self._engine.begin() as connection:
            behind = lagging(connection, self._subscriptions)
        if behind:
            self._publish(sorted(behind))

    def _look_at_low_water(self) -> None:
        # Whatever a database or a role is set to: an older snapshot would not see who has committed since.
        with self._engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
            self._low_water.look(connection)
            connection.commit()

    def _do(self, duty: Duty) -> None:
        with self._engine.begin() as connection:
            nudges = sorted(duty(connection))
        if nudges:
            self._publish(nudges)

    def run(self, clock: Clock) -> None:
        """Work until `stop` is called."""
        chores, next_chore, rest, taken = cycle(self._chores), clock.monotonic(), self._pause, 0
        log.info("relay_started", partitions=self._partitions)
        while not self._stopping.is_set():
            try:
                began = clock.monotonic()
                taken = self.step() if taken or self._told() else 0
                if began >= next_chore:
                    next(chores)()
                    next_chore = began + self._sweep_every / len(self._chores)
            except sa.exc.OperationalError as problem:
                # Mostly the database is away; the outbox is there too, so there is nothing to do but wait.
                log.warning("database_away" if _is_away(problem) else "interrupted", problem=str(problem.orig))
                self._low_water.start_over()
                self._stopping.wait(self._sweep_every)
                continue
            rest = self._rest(taken, clock.monotonic() - began, rest)
            self._stopping.wait(rest)
        log.info("relay_stopped")

    def _rest(self, taken: int, worked: float, rested: float) -> float:
        """How long to rest, having taken so many rows in so many seconds, after a rest of so many.

        As long as the work took, or it would take a busy shop's rows one by one, each at the price of many; longer and
        longer while there is nothing; not at all when it left some.
        """
        shortest = self._pause / 10
        if taken >= AT_ONCE:
            return 0.0
        return min(max(shortest, worked) if taken else 1.5 * max(shortest, rested), self._pause)

    def _told(self) -> bool:
        """Whether the outbox holds anything: the shortest question there is, as it is asked all day long."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return bool(connection.scalar(_TOLD, {"after": self._low_water.mark}))

    def stop(self) -> None:
        """Let `run` return after the step it is at."""
        self._stopping.set()


def concerned(subscriptions: Subscriptions, partitions: int, logged: Mapping[tuple[str, int], int]) -> list[Nudge]:
    """Whom to nudge when so many events of these (type, partition) were logged: each once, however many."""
    nudges: set[Nudge] = set()
    for subscription in subscriptions:
        for type_, partition in logged:
            if type_ not in subscription.types:
                continue
            if not subscription.partitioned:
                nudges.add(Nudge(subscription.name, 0))
            elif partition == EVERY_PARTITION:
                nudges.update(Nudge(subscription.name, each) for each in range(partitions))
            else:
                nudges.add(Nudge(subscription.name, partition))
    return sorted(nudges)


def lagging(connection: sa.Connection, subscriptions: Subscriptions) -> dict[Nudge, int]:
    """How many positions each partition lies behind the last event it must read; only those that do."""
    every = list(subscriptions)
    parameters = {
        "names": [each.name for each in every],
        "partitioned": [each.partitioned for each in every],
        "types": [type_ for each in every for type_ in sorted(each.types)],
        "read_by": [each.name for each in every for _ in each.types],
    }
    rows = connection.execute(_LAG, parameters)
    return {Nudge(row.subscription, row.partition): row.lag for row in rows}


_LAG = sa.text("""
    SELECT c.subscription, c.partition, max(newest.position) - c.position AS lag
    FROM unnest(CAST(:names AS text[]), CAST(:partitioned AS boolean[])) AS each (name, partitioned)
    JOIN cutover.checkpoints c ON c.subscription = each.name
    JOIN unnest(CAST(:read_by AS text[]), CAST(:types AS text[])) AS read (name, type) ON read.name = each.name
    CROSS JOIN (
        SELECT CAST(generate_series(-1, partitions - 1) AS smallint) AS partition FROM cutover.log_settings
    ) AS of_log
    CROSS JOIN LATERAL (
        SELECT e.position FROM cutover.events e
        WHERE e.type = read.type
          AND (e.partition, e.position) > (of_log.partition, c.position) AND e.partition <= of_log.partition
        ORDER BY e.partition DESC, e.position DESC LIMIT 1
    ) AS newest
    WHERE NOT each.partitioned OR of_log.partition IN (-1, c.partition)
    GROUP BY c.subscription, c.partition, c.position
    ORDER BY array_position(CAST(:names AS text[]), c.subscription), c.partition
""").bindparams(
    *(sa.bindparam(name, type_=ARRAY(sa.Text), literal_execute=True) for name in ("names", "types", "read_by")),
    sa.bindparam("partitioned", type_=ARRAY(sa.Boolean), literal_execute=True),
)
"""One round trip for all; one step down an index for each type and partition, however far a checkpoint lies back.

Rows are compared for the same reason as in `events.advance`. Who reads what is written into the statement: a plan for
whatever it might be looks through the whole log.
"""

_TOLD = sa.text("SELECT true FROM cutover.outbox WHERE id > :after ORDER BY id LIMIT 1")


def _is_away(problem: sa.exc.OperationalError) -> bool:
    """Whether nobody answered, or the server is on its way out; else it broke off what it was asked, a deadlock say."""
    state = getattr(problem.orig, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))
