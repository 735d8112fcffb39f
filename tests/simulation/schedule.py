"""A schedule: one seed decides who does what next, what gets lost, and who crashes where; then everything heals."""

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import accumulate

import sqlalchemy as sa
import structlog

from handlers.delivery.duties import SEND
from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused
from handlers.tracking import Kind
from shadow.errors import NotSequenced
from tests import batch
from tests.simulation.actor import Actor
from tests.simulation.chance import Chance, Road
from tests.simulation.facts import RUNS
from tests.simulation.network import Task
from tests.simulation.post_office import Call
from tests.simulation.sender import everybodys_turn
from tests.simulation.trace import Trace
from tests.simulation.world import NAMES, Campaign, Fleet, World

_BAD_ANSWERS: Sequence[Answer] = (
    NotAccepted("http_503"),
    NotAccepted("http_429", throttled=True),
    NotAccepted("connect_refused"),
    Refused("http_400"),
)

Move = tuple[float, Callable[[], None]]

LEASE_IS_OVER = 300.0
SENDING_LAST = 100
ROUNDS = 40
"""Sweeps after which a system that is not quiet never will be."""


class NeverQuiet(Exception):
    """The system did not come to rest."""


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
        self._chance = chance
        self._fleet = world.fleet

    def play(self, steps: int, skipped: Collection[int] = ()) -> None:
        """So many steps but the `skipped` ones, and then until nothing is left to be done. Raises NeverQuiet."""
        hooks = sys.get_asyncgen_hooks()
        try:
            with structlog.testing.capture_logs(), nullcontext() if self._chance.turns else everybodys_turn():
                self._run(steps, skipped)
        finally:
            sys.set_asyncgen_hooks(*hooks)
            for actor in self._fleet.actors:
                if not actor.idle:
                    actor.crash()

    def plan_campaign(self) -> Campaign:
        """Without any fault, up to where e-mails are planned and senders are nudged."""
        self._chance.calm = True
        self._begin()
        relay = self._fleet.relays[0]
        for _ in range(2):
            self._start(relay, "sweeps", self.world.sweep(relay))
            while tasks := [task for task in self.world.queue.under_way if task.task != SEND]:
                self.world.queue.under_way.remove(tasks[0])
                self._act_on(tasks[0])
            self._start(relay, "sequences", self.world.sequence(relay))
        return self.world.record()

    def _run(self, steps: int, skipped: Collection[int]) -> None:
        if self.world.started:
            self.trace.say("-", "a campaign has just been planned")
        for _ in range(steps):
            self.trace.step += 1
            if self.trace.step not in skipped:
                self._chance.begin_step(self.trace.step)
                self._step()
        self._chance.begin_step(0)
        self.trace.say("-", "everything heals")
        self._chance.calm = True
        self._heal()

    def _step(self) -> None:
        moves = self._moves()
        totals = list(accumulate(weight for weight, _ in moves))
        drawn = self._chance.random.random() * totals[-1]
        next(move for total, (_, move) in zip(totals, moves, strict=True) if drawn < total)()

    def _moves(self) -> list[Move]:
        moves: list[Move] = [
            *self._of_actors(),
            *self._of_apps(),
            *self._of_relays(),
            *self._of_network(),
            *self._of_provider(),
            *self._of_outside(),
        ]
        return moves

    def _of_actors(self) -> list[Move]:
        moves: list[Move] = []
        for actor in self._fleet.actors:
            if actor.idle or actor.frozen_until > self.trace.step:
                continue
            if actor.answered() or actor.until is not None:
                moves.append((3.0, partial(self._go_on, actor)))
            if self._chance.freezing and actor in self._fleet.senders:
                moves.append((self._chance.freezing, partial(self._freeze, actor)))
            if self._chance.crashing:
                moves.append((self._chance.crashing, partial(self._crash, actor)))
        return moves

    def _of_apps(self) -> list[Move]:
        weight = 1.5 if self._chance.focus == "log" else 0.2
        return [(weight, partial(self._tell, actor)) for actor in self._fleet.apps if actor.idle]

    def _of_relays(self) -> list[Move]:
        moves: list[Move] = []
        for actor in self._fleet.relays:
            if actor.idle:
                moves.append((0.8, partial(self._sequence, actor)))
                moves.append((0.5, partial(self._sweep, actor)))
        return moves

    def _of_network(self) -> list[Move]:
        tasks = self.world.queue.under_way
        moves: list[Move] = []
        if tasks:
            if any(actor.idle for actor in self._fleet.workers):
                moves.append((2.0 + min(len(tasks), 6), self._deliver))
            moves += [(self._chance.dropping, self._drop)]
        if self._chance.flushing:
            moves.append((self._chance.flushing, self._flush))
        return moves

    def _of_provider(self) -> list[Move]:
        moves: list[Move] = []
        for call in self.world.office.calls:
            weight = 3.0 if call.under_way else 3.0 * (1 - self._chance.slow)
            moves.append((weight, partial(self._provider_acts, call)))
        if self.world.office.ids:
            moves.append((0.5, self._follow_up))
        if self.world.office.news and self._fleet.hook.idle:
            moves.append((1.5, self._post_news))
        return moves

    def _of_outside(self) -> list[Move]:
        moves: list[Move] = []
        if self._chance.waiting:
            moves.append((self._chance.waiting, self._wait))
        if self._fleet.cron.idle and len(self.world.started) < self._chance.weeks:
            moves.append((1.0, self._begin))
        if self._fleet.person.idle:
            if self._chance.deciding:
                moves.append((self._chance.deciding, self._decide))
            if self._chance.rolling_back and self.world.started:
                moves.append((self._chance.rolling_back * 0.3, self._roll_back))
        return moves

    # One move each.

    def _start(self, actor: Actor, job: str, body: Callable[[], object]) -> None:
        self.trace.say(actor.name, job)
        self.trace.count(job.split(maxsplit=1)[0])
        self._let(actor, lambda: actor.start(job, body))

    def _go_on(self, actor: Actor) -> None:
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
        actor.frozen_until = self.trace.step + self._chance.one_of((10, 30, 60))

    def _tell(self, actor: Actor) -> None:
        facts = self.world.happening.next()
        self._start(actor, "tells " + ", ".join(fact.event_id for fact in facts), self.world.tell(actor, facts))

    def _sequence(self, relay: Actor) -> None:
        self._start(relay, "sequences", self.world.sequence(relay))

    def _sweep(self, relay: Actor) -> None:
        self._start(relay, "sweeps", self.world.sweep(relay))

    def _deliver(self) -> None:
        tasks = self.world.queue.under_way
        task = self._chance.one_of(tasks)
        if not self._chance.happens(self._chance.duplicating):
            tasks.remove(task)
        else:
            self.trace.count("duplicates")
        self._act_on(task)

    def _act_on(self, task: Task) -> None:
        of = self._fleet.senders if task.task == SEND else self._fleet.workers
        idle = [actor for actor in of if actor.idle]
        if not idle:
            self.trace.say("network", f"finds nobody for {task}")
            return
        actor = idle[0] if self._chance.calm else idle[self._chance.below(len(idle))]
        if task.task == SEND:
            self._start(actor, f"sends partition {task.partition}", self.world.send(actor, task))
        else:
            self._start(actor, f"advances {task}", self.world.advance(actor, task))

    def _drop(self) -> None:
        task = self._chance.one_of(self.world.queue.under_way)
        self.world.queue.under_way.remove(task)
        self.trace.say("network", f"loses the nudge for {task}")
        self.trace.count("drops")

    def _flush(self) -> None:
        self.world.queue.under_way.clear()
        self.world.keys.flush()
        self.trace.say("Redis", "forgets everything")
        self.trace.count("flushes")

    def _provider_acts(self, call: Call) -> None:
        office = self.world.office
        if not call.under_way:
            if self._chance.happens(self._chance.silent):
                self.trace.say("provider", f"is not heard of {call}")
                office.give_up(call)
            else:
                self.trace.say("provider", f"answers {call}: {_word(call.answer)}")
                office.answer(call)
            return
        if self._chance.happens(self._chance.silent * 0.5) and call.waited_for:
            self.trace.say("sender", f"gives up waiting for {call}, which is still under way")
            office.give_up(call)
            return
        answer = self._answer(call)
        self.trace.say("provider", f"gets {call}: {_word(answer)}")
        office.arrive(call, answer)
        self.trace.count(_word(answer))
        if call.waited_for and not self._chance.happens(max(self._chance.standing, self._chance.slow)):
            office.answer(call)
        elif not call.waited_for:
            office.calls.remove(call)

    def _answer(self, call: Call) -> Answer:
        if not self._chance.happens(self._chance.misbehaving):
            return Accepted(f"m-{call.address}-{call.run}-{len(self.world.office.ids)}")
        return self._chance.one_of(_BAD_ANSWERS)

    def _follow_up(self) -> None:
        office = self.world.office
        accepted = sorted((run, address) for address, run in office.accepted)
        run, address = self._chance.one_of(accepted)
        kind = self._chance.one_of((Kind.DELIVERED, Kind.OPEN, Kind.BOUNCE, Kind.SPAM_REPORT, Kind.DEFERRED))
        send_id = next(each for each, known in office.senders.items() if known == (address, run))
        office.follow_up(send_id, run, address, kind)
        self.trace.say("provider", f"has news of {address.partition('@')[0]} in {run}: {kind}")

    def _post_news(self) -> None:
        office = self.world.office
        news = [self._chance.one_of(office.news) for _ in range(1 + self._chance.below(3))]
        if office.told and self._chance.happens(self._chance.repeating):
            news.append(self._chance.one_of(office.told))
        news = list(dict.fromkeys(news))
        told = ", ".join(f"{item.kind} {item.address.partition('@')[0]}" for item in news if item.address)
        self._start(self._fleet.hook, f"takes {told}", self.world.take(self._fleet.hook, news))

    def _wait(self) -> None:
        seconds = self._chance.one_of((1.0, 20.0, LEASE_IS_OVER))
        self.world.clock.pass_by(seconds)
        self.trace.say("clock", f"{seconds:g} seconds pass")

    def _begin(self) -> None:
        run = RUNS[len(self.world.started)]
        self.world.started.append(run)
        self._start(self._fleet.cron, f"begins {run}", self.world.begin(self._fleet.cron, run))

    def _decide(self) -> None:
        self._start(self._fleet.person, "looks unconfirmed e-mails up", self.world.decide(self._fleet.person))

    def _roll_back(self) -> None:
        run = self._chance.one_of(self.world.started)
        self._start(self._fleet.person, f"rolls {run} back", self.world.roll_back(self._fleet.person, run))

    # Healing: no faults any more.

    def _heal(self) -> None:
        """What was under way is lost for good: from here on sweeps alone find what is left to be done (I5)."""
        world = self.world
        world.queue.loses_everything = True
        world.queue.under_way.clear()
        self._finish_jobs()
        for run in world.started:
            if run not in world.begun:
                self._start(self._fleet.cron, f"begins {run}", world.begin(self._fleet.cron, run))
                self._finish_jobs()
        for _ in range(ROUNDS):
            if self._quiet():
                return
        raise NeverQuiet(f"after {ROUNDS} sweeps there is still something to be done")

    def _quiet(self) -> bool:
        """One round of everything that goes on by itself, and a sweep; whether nothing came of it."""
        world, relay = self.world, self._fleet.relays[0]
        world.clock.pass_by(LEASE_IS_OVER)
        if world.office.news:
            news = list(dict.fromkeys(world.office.news))
            self._start(self._fleet.hook, "takes the rest of the news", world.take(self._fleet.hook, news))
        waiting, in_doubt = world.left_open()
        if in_doubt:
            self._decide()
        if waiting or in_doubt:
            self._sequence(relay)
        world.keys.flush()
        world.queue.loses_everything = False
        self._sweep(relay)
        world.queue.loses_everything = True
        if world.queue.under_way:
            self._follow_nudges()
            return False
        return not (world.office.news or any(world.left_open()))

    def _follow_nudges(self) -> None:
        """Those first whom others wait for."""
        nudged, self.world.queue.under_way = self.world.queue.under_way, []
        for task in sorted(dict.fromkeys(nudged), key=lambda task: _ORDER.get(task.subscription, SENDING_LAST)):
            self._act_on(task)
            self._finish_jobs()

    def _finish_jobs(self) -> None:
        busy = True
        while busy:
            busy = False
            for call in list(self.world.office.calls):
                self._settle_call(call)
                busy = True
            for actor in self._fleet.actors:
                while not actor.idle and (actor.answered() or actor.until is not None) and not self._waits(actor):
                    self._go_on(actor)
                    busy = True

    def _waits(self, actor: Actor) -> bool:
        """Whether it had better be answered first."""
        return bool(self.world.office.calls) and not actor.answered()

    def _settle_call(self, call: Call) -> None:
        office = self.world.office
        if call.under_way:
            office.arrive(call, Accepted(f"m-{call.address}-{call.run}-{len(office.ids)}"))
            self.trace.say("provider", f"gets {call}: Accepted")
        office.answer(call)


def _word(answer: Answer | None) -> str:
    return type(answer).__name__


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0][:100]


def _depth(name: str) -> int:
    """How many subscriptions come before it, one behind the other."""
    return 1 + max((_depth(each) for each in NAMES[name].after), default=0)


_ORDER = {each.name: _depth(each.name) for each in NAMES}
"""Followers come behind those they follow."""
