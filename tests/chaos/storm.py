"""The storm: blows that fall at random, some of them at once, and none on whom another one still holds down."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.chaos.arena import Arena
from tests.chaos.blow import Blow, Missed, Occasion
from tests.chaos.deck import every_blow
from tests.chaos.plan import Plan
from tests.chaos.repeated import EXPECTED
from tests.chaos.vitals import Struck, Vitals

AT_ONCE = 3
"""How many may hurt at a time: a system in which nothing runs shows nothing."""


class Storm:
    """One storm over an arena. `fell` are the blows in their order, `missed` counts those that found nobody."""

    def __init__(self, arena: Arena, plan: Plan, vitals: Vitals, say: Callable[[str], None]) -> None:
        self._arena = arena
        self._plan = plan
        self._vitals = vitals
        self._say = say
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._hurt: set[str] = set()
        self._dealt = 0
        self.fell: list[Struck] = []
        self.missed = 0
        self.surprises: list[str] = []

    def rage(self) -> None:
        """Until its time is up or all its blows have fallen; when it returns, nobody is held down any more."""
        chance = Random(f"{self._plan.seed}:storm")
        until = time.monotonic() + self._plan.seconds
        deck = self._deck(chance)
        with ThreadPoolExecutor(AT_ONCE) as hands:
            while self._plan.blows is None or self._dealt < self._plan.blows:
                pause = min(max(0.2, chance.expovariate(1 / self._plan.interval)), 4 * self._plan.interval)
                if time.monotonic() + pause >= until:
                    self._over.wait(max(0.0, until - time.monotonic()))
                    break
                self._over.wait(pause)
                blow, seed = next(deck), chance.random()
                if self._takes(blow):
                    self._dealt += 1
                    hands.submit(self._strike, blow, Random(seed))
            self._over.set()

    def _deck(self, chance: Random) -> Iterator[Blow]:
        """Every blow once before any falls again."""
        while True:
            cards = every_blow()
            chance.shuffle(cards)
            yield from cards

    def _takes(self, blow: Blow) -> bool:
        with self._lock:
            if blow.target in self._hurt or len(self._hurt) >= AT_ONCE:
                self.missed += 1
                return False
            self._hurt.add(blow.target)
            return True

    def _strike(self, blow: Blow, chance: Random) -> None:
        struck = Struck(blow, time.monotonic())
        self._say(f"{blow.target} {blow.kind}")
        try:
            blow.strike(Occasion(arena=self._arena, random=chance, longest=self._plan.longest, over=self._over))
        except (Missed, *EXPECTED):
            self.missed += 1
        except Exception as problem:
            self.surprises.append(f"{blow.target} {blow.kind}: {type(problem).__name__}: {problem}")
        else:
            struck.over = time.monotonic()
            self.fell.append(struck)
            self._vitals.watch(struck)
        finally:
            with self._lock:
                self._hurt.discard(blow.target)
