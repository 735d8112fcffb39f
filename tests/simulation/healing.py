"""Healing: no faults any more, until nothing is left to be done. What was under way is lost for good."""

from typing import TYPE_CHECKING

from handlers.delivery.provider import Accepted
from tests.simulation.actor import Actor
from tests.simulation.fleet import NAMES
from tests.simulation.post_office import Call

if TYPE_CHECKING:
    from tests.simulation.schedule import Schedule

LEASE_IS_OVER = 300.0
SENDING_LAST = 100
ROUNDS = 40
"""Sweeps after which a system that is not quiet never will be."""


class NeverQuiet(Exception):
    """The system did not come to rest."""


class Healing:
    """What the product does by its own means alone, once faults are over."""

    def __init__(self, schedule: "Schedule") -> None:
        self._schedule = schedule
        self._world = schedule.world
        self._fleet = schedule.fleet

    def heal(self) -> None:
        """What was under way is lost for good: from here on sweeps alone find what is left to be done (I5)."""
        world = self._world
        world.queue.loses_everything = True
        world.queue.under_way.clear()
        self._finish_jobs()
        for run in world.started:
            if run not in world.begun:
                self._schedule.start(self._fleet.cron, f"begins {run}", world.begin(self._fleet.cron, run))
                self._finish_jobs()
        if world.rebuilt:
            self._schedule.start(self._fleet.person, "makes indexes", world.index(self._fleet.person))
        for _ in range(ROUNDS):
            if self._quiet():
                return
        raise NeverQuiet(f"after {ROUNDS} sweeps there is still something to be done")

    def _quiet(self) -> bool:
        """One round of everything that goes on by itself, and a sweep; whether nothing came of it."""
        world, relay = self._world, self._fleet.relays[0]
        world.clock.pass_by(LEASE_IS_OVER)
        if world.office.news:
            news = list(dict.fromkeys(world.office.news))
            self._schedule.start(self._fleet.hook, "takes the rest of the news", world.take(self._fleet.hook, news))
        waiting, in_doubt = world.left_open()
        if in_doubt:
            self._schedule.decide()
        if waiting or in_doubt:
            self._schedule.sequence(relay)
        world.keys.flush()
        world.queue.loses_everything = False
        self._schedule.sweep(relay)
        world.queue.loses_everything = True
        if world.queue.under_way:
            self._follow_nudges()
            return False
        return not (world.office.news or any(world.left_open()))

    def _follow_nudges(self) -> None:
        """Those first whom others wait for."""
        nudged, self._world.queue.under_way = self._world.queue.under_way, []
        for task in sorted(dict.fromkeys(nudged), key=lambda task: _ORDER.get(task.subscription, SENDING_LAST)):
            self._schedule.act_on(task)
            self._finish_jobs()

    def _finish_jobs(self) -> None:
        busy = True
        while busy:
            busy = False
            for call in list(self._world.office.calls):
                self._settle_call(call)
                busy = True
            for actor in self._fleet.actors:
                while not actor.idle and (actor.answered() or actor.until is not None) and not self._waits(actor):
                    self._schedule.go_on(actor)
                    busy = True

    def _waits(self, actor: Actor) -> bool:
        """Whether it had better be answered first."""
        return bool(self._world.office.calls) and not actor.answered()

    def _settle_call(self, call: Call) -> None:
        office = self._world.office
        if call.under_way:
            office.arrive(call, Accepted(f"m-{call.address}-{call.run}-{len(office.ids)}"))
            self._schedule.trace.say("provider", f"gets {call}: Accepted")
        office.answer(call)


def _depth(name: str) -> int:
    """How many subscriptions come before it, one behind the other."""
    return 1 + max((_depth(each) for each in NAMES[name].after), default=0)


_ORDER = {each.name: _depth(each.name) for each in NAMES}
"""Followers come behind those they follow."""
