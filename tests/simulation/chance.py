"""Chance: everything a schedule leaves to it, drawn from one seed."""

from collections.abc import Sequence
from random import Random
from typing import Literal, TypeVar

from tests import batch

Item = TypeVar("Item")


Focus = Literal["log", "campaign"]
Road = Literal["event_driven", "canary"]


class Chance:
    """The one source of decisions. First it draws which faults this schedule has, and how often (swarm testing).

    Then each step draws from a source of its own, so that a step left out takes no other's decisions with it.

    `focus`: most happens to the log, or to a campaign that has just been planned. `road`: where the migration stands.
    The rates are between 0 and their most: of standing still at a boundary and within a transaction, crashing, and so
    on. `turns`: whether senders keep out of each other's way, as they do to spare work.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.random = Random(seed)
        self.focus: Focus = self.random.choice(("log", "campaign", "campaign"))
        self.steps = self.random.choice((20, 40, 60, 90))
        self.standing = self.random.choice((0.1, 0.4, 0.8))
        self.at_statements = self.random.choice((0.0, 0.0, 0.03, 0.2))
        self.crashing = self._some(0.6, 0.5)
        self.dropping = self._some(0.5, 0.8)
        self.duplicating = self._some(0.5, 0.5)
        self.flushing = self._some(0.4, 0.3)
        self.waiting = self._some(0.7, 1.5)
        self.misbehaving = self._some(0.7, 0.8)
        self.silent = self._some(0.5, 0.8)
        self.slow = self._some(0.5, 0.9)
        self.repeating = self._some(0.5, 0.5)
        self.deciding = self._some(0.7, 2.0)
        self.turns = self.random.random() < 0.5
        self.weeks = 1 if self.random.random() < 0.85 else 2
        self.road: Road = "canary" if self.random.random() < 0.25 and not batch.RETIRED else "event_driven"
        self.rolling_back = self._some(0.6, 1.0) if self.road == "canary" else 0.0
        self.rebuilding = self._some(0.04, 1.0)
        self.freezing = 0.0
        self.calm = False
        if seed % 35 == 5:
            self._duel()

    def _duel(self) -> None:
        """What takes the most steps to go wrong: answers that come when their rows are long with somebody else."""
        self.focus, self.steps, self.turns = "campaign", 250, False
        self.standing, self.at_statements, self.crashing, self.freezing = 0.1, 0.5, 0.0, 2.0
        self.slow, self.waiting, self.deciding = 0.0, 1.0, 1.0
        self.misbehaving, self.silent = 0.8, 0.0
        self.dropping = self.duplicating = self.flushing = self.repeating = self.rebuilding = 0.0

    def _some(self, likely: float, most: float) -> float:
        """A rate up to `most`, or 0 where this schedule does without."""
        rate = self.random.random() * most
        return rate if self.random.random() < likely else 0.0

    def begin_step(self, step: int) -> None:
        """From here on all is drawn for this step."""
        self.random = Random(f"{self._seed} {step}")

    def stands(self) -> bool:
        """Whether an actor lets others go first at a boundary."""
        return not self.calm and self.random.random() < self.standing

    def stands_at_statement(self) -> bool:
        """The same in the midst of a transaction."""
        return not self.calm and self.at_statements > 0 and self.random.random() < self.at_statements

    def happens(self, rate: float) -> bool:
        """Whether something does that happens this often."""
        return rate > 0 and self.random.random() < rate

    def one_of(self, items: Sequence[Item]) -> Item:
        """Any of these."""
        return items[self.random.randrange(len(items))]

    def below(self, end: int) -> int:
        """A whole number from 0 to under `end`."""
        return self.random.randrange(end)
