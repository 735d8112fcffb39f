"""The world of one schedule: every process of the system, the network between them, and what happens outside."""

from collections.abc import Callable
from contextlib import suppress
from typing import cast

import redis
import sqlalchemy as sa
from celery import Celery

from console.web.shop import addresses_in_shop, unsubscribe_in_shop
from console.weekly_job import weekly_rollback
from console.weekly_messages import WeeklyMessages
from events import Duty, Event, Nudge, Relay, StageChanged, emit
from handlers.delivery import unconfirmed
from handlers.delivery.duties import DELIVERY, ROUTES
from handlers.delivery.upkeep import due_partitions, end_campaigns, expire_leases
from handlers.nudges import Advancer, NudgePublisher
from handlers.rebuild import forget, index
from handlers.tracking import Intake, News, Told
from shadow.barrier import raise_barrier
from shadow.errors import UnknownRun
from tests import batch
from tests.simulation.actor import Actor
from tests.simulation.chance import Chance
from tests.simulation.clock import SimulatedClock
from tests.simulation.database import PARTITIONS
from tests.simulation.facts import Facts
from tests.simulation.fleet import GATE, NAMES, SEND_WITHIN, Campaign, Fleet, every_subscription
from tests.simulation.legacy import small_batch
from tests.simulation.network import Keys, Queue, Task
from tests.simulation.post_office import PostOffice
from tests.simulation.sender import Sender
from tests.simulation.trace import Trace

SALT = "weekly recommendations"

_ROLLBACK = weekly_rollback(PARTITIONS, SEND_WITHIN)


class World:
    """One schedule's world. What it was told to do, and by whom, is in `facts`, for the checks to hold against it."""

    def __init__(self, fleet: Fleet, chance: Chance, trace: Trace) -> None:
        self.fleet = fleet
        self.chance = chance
        self.trace = trace
        self.clock = SimulatedClock()
        self.office = PostOffice(self.clock)
        self.queue = Queue()
        self.keys = Keys(self.clock)
        self.happening = Facts(chance)
        self.told: list[tuple[int, int, Event]] = []
        self.started: list[str] = []
        self.rolled_back: set[str] = set()
        self.rebuilt = False
        self.road = chance.road
        self.surprises: list[str] = []
        self._moments = 0
        self._publisher = NudgePublisher(
            cast("Celery", self.queue), cast("redis.Redis", self.keys), "sim", NAMES, ROUTES
        )
        self._advancers: dict[tuple[str, int], Advancer] = {}
        self._relays: dict[tuple[str, int], Relay] = {}
        self._intake = Intake(addresses_in_shop, unsubscribe_in_shop)
        self._contents = WeeklyMessages(lambda user: f"https://example.com/u/{user}")
        self.begun: set[str] = set()
        if chance.focus == "campaign" and self.road in fleet.campaigns:
            self._take_up(fleet.campaigns[self.road])
        else:
            fleet.database.reset(self.road)
        for actor in fleet.actors:
            actor.reset(chance)

    def record(self) -> Campaign:
        """What it is now."""
        return Campaign(
            rows=self.fleet.database.record(),
            seconds=self.clock.seconds,
            keys=self.keys.remembered(),
            under_way=tuple(self.queue.under_way),
            started=tuple(self.started),
        )

    def _take_up(self, campaign: Campaign) -> None:
        self.fleet.database.put_back(campaign.rows)
        self.clock.seconds = campaign.seconds
        self.keys.remember(campaign.keys)
        self.queue.under_way.extend(campaign.under_way)
        self.started.extend(campaign.started)
        self.begun.update(campaign.started)

    # What the processes do; each of these is a job of an actor.

    def tell(self, actor: Actor, facts: list[Event]) -> Callable[[], None]:
        """The app's transaction."""

        def job() -> None:
            began = self._moment()
            actor.committed = lambda: self.told.extend((began, self._moment(), fact) for fact in facts)
            try:
                with actor.engine.begin() as connection:
                    emit(connection, *facts)
            finally:
                actor.committed = _nothing

        return job

    def sequence(self, actor: Actor) -> Callable[[], object]:
        """A relay's step."""
        return self._relay(actor).step

    def sweep(self, actor: Actor) -> Callable[[], object]:
        return self._relay(actor).sweep

    def advance(self, actor: Actor, task: Task) -> Callable[[], object]:
        """A worker that acts on a nudge. What it remembers of the catalogue is gone with the process."""
        key = (actor.name, actor.incarnation)
        if key not in self._advancers:
            self._advancers[key] = Advancer(actor.engine, every_subscription(), PARTITIONS, self._publisher)
        return lambda: self._advancers[key](Nudge(task.subscription, task.partition))

    def send(self, actor: Actor, task: Task) -> Callable[[], object]:
        """A worker that sends."""
        self._publisher.arrived(Nudge(task.subscription, task.partition))
        sender = Sender(actor, self.office, self._contents, self.chance, self.clock)
        return lambda: sender.send(task.partition)

    def begin(self, actor: Actor, run: str) -> Callable[[], object]:
        """What crontab starts."""

        def job() -> None:
            raise_barrier(actor.engine, run, PARTITIONS, SimulatedPatience(self.clock, actor), salt=SALT)
            if self.road == "canary":
                batch.run_legacy()(
                    actor.engine,
                    GATE,
                    run,
                    partitions=PARTITIONS,
                    code_version="simulated",
                    batch=small_batch,
                    noise=0,
                )
            self.begun.add(run)

        return job

    def take(self, actor: Actor, news: list[News]) -> Callable[[], object]:
        """The webhook; the provider goes on telling until it is told that all is well."""

        def job() -> None:
            with actor.engine.begin() as connection:
                self._intake.take(connection, Told(news=news))
            for item in news:
                if item in self.office.news:
                    self.office.news.remove(item)
                    self.office.told.append(item)

        return job

    def roll_back(self, actor: Actor, run: str) -> Callable[[], object]:
        """A person who takes a run back, and the stage with it."""

        def job() -> None:
            now = self.clock.now()
            with suppress(UnknownRun), actor.engine.begin() as connection:
                if _ROLLBACK(connection, run, by="ann", why="a drill", at=now):
                    emit(connection, StageChanged(stage="shadow", percent=0, by="ann", why="a drill", occurred_at=now))

        return job

    def rebuild(self, actor: Actor) -> Callable[[], object]:
        """A person who has all state folded anew, by those who fold it every day."""

        def job() -> None:
            with actor.engine.begin() as connection:
                forget(connection)
            self.index(actor)()

        return job

    def index(self, actor: Actor) -> Callable[[], object]:
        """What a rebuild that was interrupted may still have left to do."""

        def job() -> None:
            with actor.engine.begin() as connection:
                index(connection)

        return job

    def decide(self, actor: Actor) -> Callable[[], object]:
        """A person who looks at the provider's records, of e-mails no request for which can be under way any more."""

        def job() -> None:
            with actor.engine.begin() as connection:
                for email in unconfirmed.unconfirmed(connection):
                    if self.office.in_doubt(email.send_id):
                        continue
                    sent = email.send_id in self.office.ids
                    act = unconfirmed.mark_sent if sent else unconfirmed.release
                    act(connection, email.run, [email.user_id], by="ann", why="looked")

        return job

    def left_open(self) -> tuple[bool, bool]:
        """Whether anything is emitted and not logged, and whether there are e-mails that are unconfirmed."""
        ((waiting, in_doubt),) = self.fleet.database.several(_LEFT_OPEN)[0]
        return waiting, in_doubt

    def _relay(self, actor: Actor) -> Relay:
        """What it remembers of the outbox is gone with the process."""
        key = (actor.name, actor.incarnation)
        if key not in self._relays:
            self._relays[key] = Relay(actor.engine, NAMES, PARTITIONS, self._publisher, duties=self._duties())
        return self._relays[key]

    def _duties(self) -> tuple[Duty, ...]:
        """Those of the product, on simulated time."""

        def upkeep(connection: sa.Connection) -> list[Nudge]:
            now = self.clock.now()
            expire_leases(connection, now=now)
            end_campaigns(connection, now=now)
            return [Nudge(DELIVERY, partition) for partition in due_partitions(connection, now=now)]

        def follow(connection: sa.Connection) -> list[Nudge]:
            _ROLLBACK.follow(connection)
            return []

        return (upkeep, follow)

    def _moment(self) -> int:
        self._moments += 1
        return self._moments


_LEFT_OPEN = """
    SELECT EXISTS (SELECT FROM cutover.outbox),
           EXISTS (SELECT FROM cutover.send_ledger WHERE state = 'unconfirmed')
"""


class SimulatedPatience(SimulatedClock):
    """The clock of somebody who waits for another process: while they sleep, others go on."""

    def __init__(self, clock: SimulatedClock, actor: Actor) -> None:
        super().__init__()
        self._clock = clock
        self._actor = actor

    def monotonic(self) -> float:
        return self._clock.seconds

    def sleep(self, seconds: float) -> None:
        self._clock.pass_by(seconds)
        self._actor.stand("waiting for the relay")


def _nothing() -> None:
    """Nobody wants to know."""
