"""Playing schedules one after the other: what came of each, and the shortest form of one that fails."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from tests.simulation.checks import Violated, check
from tests.simulation.database import Database
from tests.simulation.safeguards import Safeguard
from tests.simulation.schedule import NeverQuiet, Schedule, begin, plan_campaigns
from tests.simulation.trace import Trace
from tests.simulation.world import NAMES, Fleet


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a seed. `violation` is None when everything held; `steps` are those before everything healed."""

    seed: int
    steps: int
    trace: Trace
    invariant: str = ""
    violation: str | None = None

    def report(self, without: str = "") -> str:
        """What a person needs who wants to understand it and to see it again."""
        option = f" --without {without}" if without else ""
        return "\n".join(
            [
                f"seed {self.seed}: {self.violation or 'everything held'}",
                str(self.trace),
                f"again: python -m tests.simulation --seed {self.seed} --steps {self.steps}{option}",
            ]
        )


@contextmanager
def fleet_on(server_url: str, name: str) -> Iterator[Fleet]:
    """The processes of simulations on a database of their own, which is dropped afterwards."""
    database = Database(server_url, name, NAMES)
    fleet = Fleet(database)
    plan_campaigns(fleet)
    try:
        yield fleet
    finally:
        fleet.close()
        database.drop()


def play(fleet: Fleet, seed: int, *, steps: int | None = None) -> Played:
    """Play one schedule and check what it leaves behind."""
    schedule: Schedule = begin(fleet, seed)
    length = schedule.length if steps is None else min(steps, schedule.length)
    try:
        schedule.play(length)
        check(schedule.world)
    except (Violated, NeverQuiet) as problem:
        invariant = problem.invariant if isinstance(problem, Violated) else "I1"
        return Played(seed=seed, steps=length, trace=schedule.trace, invariant=invariant, violation=str(problem))
    return Played(seed=seed, steps=length, trace=schedule.trace)


def shortest(fleet: Fleet, failed: Played) -> Played:
    """The same violation after as few steps as a search by halves finds."""
    good, bad = -1, failed
    while bad.steps - good > 1:
        tried = play(fleet, failed.seed, steps=(good + bad.steps) // 2)
        if tried.invariant == failed.invariant:
            bad = tried
        else:
            good = tried.steps
    return bad


def first_violation(
    fleet: Fleet,
    seeds: Iterable[int],
    *,
    without: Safeguard | None = None,
    seen: Callable[[Played], None] = lambda _: None,
) -> Played | None:
    """Play schedules until one fails, which is returned in its shortest form; None if all hold."""
    with without.off(fleet.database) if without else nullcontext():
        for seed in seeds:
            played = play(fleet, seed)
            seen(played)
            if played.violation is not None:
                return shortest(fleet, played)
    return None
