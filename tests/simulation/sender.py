"""A sender: the real dispatcher on a stepped loop, at a pace that holds nothing back unless the schedule says so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from handlers.delivery import dispatch
from handlers.delivery.claiming import Contents
from handlers.delivery.dispatch import Dispatcher
from handlers.delivery.pace import Grant, Limits, Pace, PaceUnavailable, Slot, Verdict
from tests.simulation.actor import Actor
from tests.simulation.chance import Chance
from tests.simulation.clock import SimulatedClock
from tests.simulation.loop import SteppedLoop
from tests.simulation.post_office import Line, PostOffice

LEASE = 120.0
PATIENCE = 4.0
SLICE = 30.0


class OpenPace(Pace):
    """Gives out whatever is asked for; sometimes it is away."""

    def __init__(self, actor: Actor, chance: Chance, clock: SimulatedClock) -> None:
        self.limits = Limits(quota=0, lead=0.0, horizon=0.0)
        self._actor = actor
        self._chance = chance
        self._clock = clock

    async def acquire(self, want: int) -> Grant:
        if self._chance.happens(self._chance.flushing * 0.3):
            raise PaceUnavailable("Redis is away")
        # Whoever finds every due row locked asks again and again, until its slice is over or others went on.
        self._clock.pass_by(PATIENCE)
        self._actor.pause("with slots in hand")
        return Grant(slots=[Slot(f"1:{number}", 0.0) for number in range(want)])

    async def settle(self, verdicts: "Sequence[tuple[str, Verdict]]", *, closed_for: float = 0.0) -> None:
        """Nobody counts."""


class Sender:
    """Sends what is due in a partition as one process, until every answer is settled."""

    def __init__(
        self, actor: Actor, office: PostOffice, contents: Contents, chance: Chance, clock: SimulatedClock
    ) -> None:
        self._actor = actor
        self._office = office
        self._contents = contents
        self._chance = chance
        self._clock = clock

    def send(self, partition: int) -> None:
        """What task `cutover.send` does."""
        loop = SteppedLoop(self._actor, self._clock)
        try:
            loop.run(self._send(partition))
        finally:
            loop.close()

    async def _send(self, partition: int) -> None:
        dispatcher = Dispatcher(
            self._actor.engine,
            Line(self._office, self._actor),
            OpenPace(self._actor, self._chance, self._clock),
            self._contents,
            batch=8 if self._chance.calm else self._chance.one_of((1, 2, 8)),
            lease=LEASE,
            clock=self._clock.now,
        )
        try:
            await dispatcher.send(partition, seconds=SLICE)
        finally:
            await dispatcher.land()


@contextmanager
def everybodys_turn() -> Iterator[None]:
    """Let several senders work on one partition at once: keeping out of each other's way is to guard nothing."""

    @contextmanager
    def always_ours(*_: object) -> Iterator[bool]:
        yield True

    with patch.object(dispatch, "turn", always_ours):
        yield
