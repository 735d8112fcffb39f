"""One storm from its first order to its balance sheet."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.arena import Arena, arena
from tests.chaos.books_check import BooksCheck, RunBooks
from tests.chaos.healing import Healing, NotHealed
from tests.chaos.load import Campaigns, Customers, Minds
from tests.chaos.log_check import LogCheck
from tests.chaos.plan import Plan
from tests.chaos.repeated import Repeated
from tests.chaos.storm import Storm
from tests.chaos.vitals import Struck, Vitals

Progress = Callable[[str], None]


@dataclass(kw_only=True)
class Sheet:
    """The balance sheet. `wrong` is what does not hold; empty is what everybody hopes for."""

    plan: Plan
    storm_seconds: float
    healing_seconds: float
    fell: list[Struck]
    missed: int
    steps: dict[str, int]
    failures: dict[str, int]
    ended: Counter[str]
    runs: list[RunBooks] = field(default_factory=list)
    events: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def storm_and_sheet(state_dir: Path, plan: Plan, say: Progress, tick: Progress) -> Sheet:
    """Start everything in this directory, let the storm rage, heal, and draw up the balance sheet.

    `say` is told of what begins, `tick` of every blow.
    """
    say("Starting servers, shop and processes of its own ...")
    with arena(state_dir, plan) as place:
        return _Storming(place, plan, say, tick).sheet()


class _Storming:
    def __init__(self, place: Arena, plan: Plan, say: Progress, tick: Progress) -> None:
        self._place = place
        self._plan = plan
        self._say = say
        self._campaigns = Campaigns(place)
        self._supervisor = Repeated("supervisor", place.look_after, pause=0.2)
        self._sending = Repeated("campaigns", self._campaigns.step, pause=0.5)
        customers, minds = Customers(place, plan.users, plan.seed), Minds(place, plan.users, plan.seed)
        self._load = [
            Repeated("orders", customers.step, pause=1 / plan.orders),
            Repeated("minds", minds.step, pause=2.0),
        ]
        self._vitals = Vitals(place)
        self._storm = Storm(place, plan, self._vitals, tick)
        self._healing = Healing(place, plan, self._campaigns, say)

    def sheet(self) -> Sheet:
        began = time.monotonic()
        with self._supervisor:
            wrong = list(self._weather())
            ended = time.monotonic()
            storm_seconds = self._raged - began
            sheet = self._drawn(storm_seconds, ended - self._raged)
        sheet.wrong[:0] = wrong
        self._say("Drawing up the balance sheet ...")
        books = BooksCheck(self._place, self._campaigns.runs, self._storm.fell)
        log = LogCheck(self._place)
        sheet.runs, sheet.events, sheet.facts = books.runs, log.head, log.facts
        sheet.wrong += [*books.wrong, *log.wrong]
        return sheet

    def _weather(self) -> list[str]:
        """The storm, and the healing; what went wrong with either."""
        with ExitStack() as alive:
            alive.enter_context(self._sending)
            alive.enter_context(self._vitals)
            with ExitStack() as load:
                for each in self._load:
                    load.enter_context(each)
                self._say(f"The storm begins (seed {self._plan.seed}) ...")
                self._storm.rage()
            self._raged = time.monotonic()
            self._say("The storm is over.")
            try:
                self._healing.heal()
            except NotHealed as problem:
                return [str(problem)]
            missing = [f"{s.blow.target} {s.blow.kind}" for s in self._patiently_waited_for()]
        wrong = [f"no sign of life after: {', '.join(missing)}"] if missing else []
        try:
            self._healing.settle()
        except NotHealed as problem:
            wrong.append(str(problem))
        return wrong

    def _patiently_waited_for(self) -> list[Struck]:
        """Whoever has not been seen at work again, after half a minute in peace."""
        deadline = time.monotonic() + 30
        while (missing := self._vitals.waited_for()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return missing

    def _drawn(self, storm_seconds: float, healing_seconds: float) -> Sheet:
        threads = [self._supervisor, self._sending, *self._load, *self._vitals.watches]
        return Sheet(
            plan=self._plan,
            storm_seconds=storm_seconds,
            healing_seconds=healing_seconds,
            fell=self._storm.fell,
            missed=self._storm.missed,
            steps={each.name: each.steps for each in threads},
            failures={each.name: each.failures.total() for each in threads},
            ended=Counter(self._place.ended),
            wrong=[*self._storm.surprises, *(surprise for each in threads for surprise in each.surprises)],
        )
