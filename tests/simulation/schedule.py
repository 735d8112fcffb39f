"""A schedule: one seed decides who does what next, what gets lost, and who crashes where; then everything heals."""

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import accumulate

import sqlalchemy as sa
import structlog

from handlers.delivery.duties import SEND
from shadow.errors import NotSequenced
from tests import batch
from tests.simulation.actor import Actor
from tests.simulation.chance import Chance, Road
from tests.simulation.facts import RUNS
from tests.simulation.fleet import Campaign, Fleet
from tests.simulation.healing import LEASE_IS_OVER, Healing
from tests.simulation.network import Task
from tests.simulation.provider_moves import Move, ProviderMoves
from tests.simulation.sender import everybodys_turn
from tests.simulation.trace import Trace
from tests.simulation.world import World


def plan_campaigns(fleet: Fleet) -> None:
    """Once for all schedules that begin with a campaign: have it planned, and record it."""
    roads: Sequence[Road] = ("event_driven",) if batch.RETIRED else ("event_driven", "canary")
    for road in roads:
        chance = Chance(0)
        chance.focus, chance.road = "log", road
        fleet.campaigns[road] = Schedule(World(fleet, chance, Trace()), chance, Trace()).plan_campaign()


def begin(fleet: Fleet, seed: int) -> "Schedule":
    """The schedule of a seed, in a world that is put back to its beginning."""
    chance, trace = Chance(seed), Trace()
    return Schedule(World(fleet, chance, trace), chance, trace)


class Schedule:
    """Plays one schedule in a world. `length`: how many steps it has before everything heals."""

    def __init__(self, world: World, chance: Chance, trace: Trace) -> None:
        self.world = world
        self.trace = trace
        self.length = chance.steps
        self.chance = chance
        self.fleet = world.fleet
        self._provider = ProviderMoves(self)

    def play(self, steps: int, skipped: Collection[int] = ()) -> None:
        """So many steps but the `skipped` ones, and then until nothing is left to be done. Raises NeverQuiet."""
        hooks = sys.get_asyncgen_hooks()
        try:
            with structlog.testing.capture_logs(), nullcontext() if self.chance.turns else everybodys_turn():
                self._run(steps, skipped)
        finally:
            sys.set_asyncgen_hooks(*hooks)
            for actor in self.fleet.actors:
                actor.end()

    def plan_campaign(self) -> Campaign:
        """Without any fault, up to where e-mails are planned and senders are nudged."""
        self.chance.calm = True
        self._begin()
        relay = self.fleet.relays[0]
        for _ in range(2):
            self.start(relay, "sweeps", self.world.sweep(relay))
            while tasks := [task for task in self.world.queue.under_way if task.task != SEND]:
                self.world.queue.under_way.remove(tasks[0])
                self.act_on(tasks[0])
            self.start(relay, "sequences", self.world.sequence(relay))
        return self.world.record()

    def _run(self, steps: int, skipped: Collection[int]) -> None:
        if self.world.started:
            self.trace.say("-", "a campaign has just been planned")
        for _ in range(steps):
            self.trace.step += 1
            if self.trace.step not in skipped:
                self.chance.begin_step(self.trace.step)
                self._step()
        self.chance.begin_step(0)
        self.trace.say("-", "everything heals")
        self.chance.calm = True
        Healing(self).heal()

    def _step(self) -> None:
        moves = self._moves()
        totals = list(accumulate(weight for weight, _ in moves))
        drawn = self.chance.random.random() * totals[-1]
        next(move for total, (_, move) in zip(totals, moves, strict=True) if drawn < total)()

    def _moves(self) -> list[Move]:
        moves: list[Move] = [
            *self._of_actors(),
            *self._of_apps(),
            *self._of_relays(),
            *self._of_network(),
            *self._provider.moves(),
            *self._of_outside(),
        ]
        return moves

    def _of_actors(self) -> list[Move]:
        moves: list[Move] = []
        for actor in self.fleet.actors:
            if actor.idle or actor.frozen_until > self.trace.step:
                continue
            if actor.answered() or actor.until is not None:
                moves.append((3.0, partial(self.go_on, actor)))
            if self.chance.freezing and actor in self.fleet.senders:
                moves.append((self.chance.freezing, partial(self._freeze, actor)))
            if self.chance.crashing:
                moves.append((self.chance.crashing, partial(self._crash, actor)))
        return moves

    def _of_apps(self) -> list[Move]:
        weight = 1.5 if self.chance.focus == "log" else 0.2
        return [(weight, partial(self._tell, actor)) for actor in self.fleet.apps if actor.idle]

    def _of_relays(self) -> list[Move]:
        moves: list[Move] = []
        for actor in self.fleet.relays:
            if actor.idle:
                moves.append((0.8, partial(self.sequence, actor)))
                moves.append((0.5, partial(self.sweep, actor)))
        return moves

    def _of_network(self) -> list[Move]:
        tasks = self.world.queue.under_way
        moves: list[Move] = []
        if tasks:
            if any(actor.idle for actor in self.fleet.workers):
                moves.append((2.0 + min(len(tasks), 6), self._deliver))
            moves += [(self.chance.dropping, self._drop)]
        if self.chance.flushing:
            moves.append((self.chance.flushing, self._flush))
        return moves

    def _of_outside(self) -> list[Move]:
        moves: list[Move] = []
        if self.chance.waiting:
            moves.append((self.chance.waiting, self._wait))
        if self.fleet.cron.idle and len(self.world.started) < self.chance.weeks:
            moves.append((1.0, self._begin))
        if self.fleet.person.idle:
            if self.chance.deciding:
                moves.append((self.chance.deciding, self.decide))
            if self.chance.rolling_back and self.world.started:
                moves.append((self.chance.rolling_back * 0.3, self._roll_back))
            if self.chance.rebuilding and not self.world.rebuilt:
                moves.append((self.chance.rebuilding, self._rebuild))
        return moves

    # One move each.

    def start(self, actor: Actor, job: str, body: Callable[[], object]) -> None:
        self.trace.say(actor.name, job)
        self.trace.count(job.split(maxsplit=1)[0])
        self._let(actor, lambda: actor.start(job, body))

    def go_on(self, actor: Actor) -> None:
        if actor.until is not None and not actor.answered():
            self.world.clock.pass_by(max(0.0, actor.until - self.world.clock.seconds) + 1e-6)
        self.trace.say(actor.name, f"goes on ({actor.at})")
        self._let(actor, actor.go_on)

    def _let(self, actor: Actor, run: Callable[[], None]) -> None:
        try:
            run()
        except (sa.exc.OperationalError, NotSequenced) as problem:
            self.trace.say(actor.name, f"fails: {_first_line(problem)}")
            self.trace.count("blocked")
        except Exception as problem:
            # What it is, is seen in the end: by then an invariant may say more.
            self.trace.say(actor.name, f"FAILS: {type(problem).__name__}: {_first_line(problem)}")
            self.world.surprises.append(f"{actor.name} {actor.job}: {type(problem).__name__}: {_first_line(problem)}")

    def _crash(self, actor: Actor) -> None:
        self.trace.say(actor.name, f"CRASHES {actor.at}, as it {actor.job}")
        self.trace.count("crashes")
        actor.crash()

    def _freeze(self, actor: Actor) -> None:
        """Its machine has other things to do, or somebody stopped it: it goes on much later, as if nothing had been."""
        self.trace.say(actor.name, f"FREEZES {actor.at}, as it {actor.job}")
        self.trace.count("freezes")
        actor.frozen_until = self.trace.step + self.chance.one_of((10, 30, 60))

    def _tell(self, actor: Actor) -> None:
        facts = self.world.happening.next()
        self.start(actor, "tells " + ", ".join(fact.event_id for fact in facts), self.world.tell(actor, facts))

    def sequence(self, relay: Actor) -> None:
        self.start(relay, "sequences", self.world.sequence(relay))

    def sweep(self, relay: Actor) -> None:
        self.start(relay, "sweeps", self.world.sweep(relay))

    def _deliver(self) -> None:
        tasks = self.world.queue.under_way
        task = self.chance.one_of(tasks)
        if not self.chance.happens(self.chance.duplicating):
            tasks.remove(task)
        else:
            self.trace.count("duplicates")
        self.act_on(task)

    def act_on(self, task: Task) -> None:
        of = self.fleet.senders if task.task == SEND else self.fleet.workers
        idle = [actor for actor in of if actor.idle]
        if not idle:
            self.trace.say("network", f"finds nobody for {task}")
            return
        actor = idle[0] if self.chance.calm else idle[self.chance.below(len(idle))]
        if task.task == SEND:
            self.start(actor, f"sends partition {task.partition}", self.world.send(actor, task))
        else:
            self.start(actor, f"advances {task}", self.world.advance(actor, task))

    def _drop(self) -> None:
        task = self.chance.one_of(self.world.queue.under_way)
        self.world.queue.under_way.remove(task)
        self.trace.say("network", f"loses the nudge for {task}")
        self.trace.count("drops")

    def _flush(self) -> None:
        self.world.queue.under_way.clear()
        self.world.keys.flush()
        self.trace.say("Redis", "forgets everything")
        self.trace.count("flushes")

    def _wait(self) -> None:
        seconds = self.chance.one_of((1.0, 20.0, LEASE_IS_OVER))
        self.world.clock.pass_by(seconds)
        self.trace.say("clock", f"{seconds:g} seconds pass")

    def _begin(self) -> None:
        run = RUNS[len(self.world.started)]
        self.world.started.append(run)
        self.start(self.fleet.cron, f"begins {run}", self.world.begin(self.fleet.cron, run))

    def decide(self) -> None:
        self.start(self.fleet.person, "looks unconfirmed e-mails up", self.world.decide(self.fleet.person))

    def _rebuild(self) -> None:
        self.world.rebuilt = True
        self.start(self.fleet.person, "rebuilds everything", self.world.rebuild(self.fleet.person))

    def _roll_back(self) -> None:
        run = self.chance.one_of(self.world.started)
        self.start(self.fleet.person, f"rolls {run} back", self.world.roll_back(self.fleet.person, run))


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0][:100]
