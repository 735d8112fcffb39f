"""The fleet: the processes of the system as actors, and what each of them holds."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.weekly_job import weekly_gate
from console.wiring import all_subscriptions
from events import Subscriptions
from handlers.catalogue import search_alone
from tests.simulation.actor import Actor
from tests.simulation.database import PARTITIONS, Database
from tests.simulation.network import Task

SEND_WITHIN = 200_000.0
GATE = weekly_gate(PARTITIONS, SEND_WITHIN)


def every_subscription() -> Subscriptions:
    """What one worker process holds: its own catalogue, empty at first."""
    return all_subscriptions(GATE)


NAMES = all_subscriptions(GATE)


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A world in which a campaign has just been planned and its senders are nudged. `rows`: how to put it back."""

    rows: bytes
    seconds: float
    keys: Mapping[str, float]
    under_way: Sequence[Task]
    started: Sequence[str]


class Fleet:
    """The processes, which outlive schedules so that their sessions stay open."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.campaigns: dict[str, Campaign] = {}
        self.apps = [self._actor(f"app-{number}") for number in (1, 2)]
        self.relays = [self._actor(f"relay-{number}") for number in (1, 2)]
        self.workers = [self._actor(f"worker-{number}") for number in (1, 2, 3)]
        self.senders = [self._actor(f"sender-{number}") for number in (1, 2)]
        self.cron = self._actor("cron")
        self.hook = self._actor("webhook")
        self.person = self._actor("person")
        # Its threads would wait for each other longer than so small a search takes.
        search_alone()

    @property
    def actors(self) -> list[Actor]:
        """All of them, in a fixed order."""
        return [*self.apps, *self.relays, *self.workers, *self.senders, self.cron, self.hook, self.person]

    def close(self) -> None:
        """Let all sessions go: first, and here, not amid another test, whatever crashed senders were waiting for."""
        gc.collect()
        for actor in self.actors:
            actor.close()

    def _actor(self, name: str) -> Actor:
        return Actor(name, self.database.url)
