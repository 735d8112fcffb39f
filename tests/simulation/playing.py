"""Playing schedules one after the other: what came of each, and the shortest form of one that fails."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from runtime.memory import freeze
from tests.simulation.checks import Violated, check
from tests.simulation.database import Database
from tests.simulation.fleet import NAMES, Fleet
from tests.simulation.healing import NeverQuiet
from tests.simulation.safeguards import Safeguard
from tests.simulation.schedule import Schedule, begin, plan_campaigns
from tests.simulation.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a seed. `violation` is None when everything held.

    `steps` are those before everything healed, of which `skipped` were left out.
    """

    seed: int
    steps: int
    trace: Trace
    skipped: frozenset[int] = frozenset()
    invariant: str = ""
    violation: str | None = None

    def report(self, without: str = "") -> str:
        """What a person needs who wants to understand it and to see it again."""
        option = f" --skip {spelled(self.skipped)}" if self.skipped else ""
        option += f" --without {without}" if without else ""
        verdict = f"seed {self.seed}: {self.violation or 'everything held'}"
        again = f"again: python -m tests.simulation --seed {self.seed} --steps {self.steps}{option}"
        # Once more where one sees it: a trace is longer than a screen.
        return "\n".join([verdict, str(self.trace), verdict, again])


@contextmanager
def fleet_on(server_url: str, name: str) -> Iterator[Fleet]:
    """The processes of simulations on a database of their own, which is dropped afterwards."""
    database = Database(server_url, name, NAMES)
    fleet = Fleet(database)
    plan_campaigns(fleet)
    freeze()
    try:
        yield fleet
    finally:
        fleet.close()
        database.drop()


def play(fleet: Fleet, seed: int, *, steps: int | None = None, skipped: Collection[int] = ()) -> Played:
    """Play one schedule and check what it leaves behind."""
    schedule: Schedule = begin(fleet, seed)
    length = schedule.length if steps is None else min(steps, schedule.length)
    invariant, violation = "", None
    try:
        schedule.play(length, skipped)
        check(schedule.world)
    except (Violated, NeverQuiet) as problem:
        invariant, violation = problem.invariant if isinstance(problem, Violated) else "I1", str(problem)
    return Played(
        seed=seed,
        steps=length,
        trace=schedule.trace,
        skipped=frozenset(skipped),
        invariant=invariant,
        violation=violation,
    )


def shortest(fleet: Fleet, failed: Played) -> Played:
    """The same violation with as few steps as leaving some out finds: at the end first, then ever smaller parts.

    None of the steps that remain can be left out alone.
    """
    failed = _cut_off(fleet, failed)
    part = max(1, failed.steps // 2)
    while True:
        fewer = _without_parts(fleet, failed, part)
        if part == 1 and fewer is failed:
            return failed
        failed, part = fewer, max(1, part // 2)


def _without_parts(fleet: Fleet, failed: Played, part: int) -> Played:
    """Without as many runs of `part` steps as the violation can do without."""
    for first in range(1, failed.steps + 1, part):
        fewer = failed.skipped.union(range(first, min(first + part, failed.steps + 1)))
        if fewer != failed.skipped:
            tried = play(fleet, failed.seed, steps=failed.steps, skipped=fewer)
            failed = tried if tried.invariant == failed.invariant else failed
    return failed


def _cut_off(fleet: Fleet, failed: Played) -> Played:
    good, bad = -1, failed
    while bad.steps - good > 1:
        tried = play(fleet, failed.seed, steps=(good + bad.steps) // 2)
        if tried.invariant == failed.invariant:
            bad = tried
        else:
            good = tried.steps
    return bad


def spelled(steps: Iterable[int]) -> str:
    """Steps as ranges: `1-3,7`."""
    ranges: list[list[int]] = []
    for step in sorted(steps):
        if ranges and ranges[-1][-1] == step - 1:
            ranges[-1][1:] = [step]
        else:
            ranges.append([step])
    return ",".join("-".join(map(str, each)) for each in ranges)


def read_steps(text: str) -> frozenset[int]:
    """What `spelled` spells. Raises ValueError."""
    found: set[int] = set()
    for each in filter(None, text.split(",")):
        first, _, last = each.partition("-")
        if last and int(last) < int(first):
            raise ValueError(f"{each}: ends before it begins")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


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
