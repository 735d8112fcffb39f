"""Chance: everything a schedule leaves to it, drawn from one seed."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class Chance:
    """The one source of decisions. First it draws which faults this schedule has, and how often (swarm testing)."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        draw = self.random.random
        self.steps = self.random.choice((20, 40, 40, 60, 90))
        self.standing = self.random.choice((0.1, 0.4, 0.8))
        self.at_statements = self.random.choice((0.0, 0.0, 0.02, 0.1))
        self.crashing = self._some(0.6, 0.3)
        self.dropping = self._some(0.5, 0.8)
        self.duplicating = self._some(0.5, 0.5)
        self.flushing = self._some(0.4, 0.3)
        self.waiting = self._some(0.6, 1.0)
        self.misbehaving = self._some(0.7, 0.8)
        self.silent = self._some(0.5, 0.8)
        self.repeating = self._some(0.5, 0.5)
        self.road = "canary" if draw() < 0.25 else "event_driven"
        self.rolling_back = self._some(0.6, 1.0) if self.road == "canary" else 0.0
        self.deciding = self._some(0.6, 3.0)
        self.deaf = self._some(0.3, 0.5)
        self.turns = draw() < 0.6
        self.weeks = 1 if draw() < 0.85 else 2
        self.calm = False

    def _some(self, likely: float, most: float) -> float:
        """A rate up to `most`, or 0 where this schedule does without."""
        rate = self.random.random() * most
        return rate if self.random.random() < likely else 0.0

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
