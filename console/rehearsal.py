"""A rehearsal: past orders through both paths, event by event, with every run in between, then the comparison.

Event time is data: weeks pass in seconds. Everything else is real: database, broker, relay, worker processes.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice, zip_longest
from operator import attrgetter
from pathlib import Path

from console.books import told_in_one_line
from console.failures import WrongUse
from console.playground import Playground
from console.run_line import line_of
from console.screen import Screen
from events import head
from events.stage_events import Stage
from handlers.delivery.books import Books
from reconcile import Totals, write_report
from runtime.quantity import how_many
from runtime.version import code_version
from sandbox.shop.actions import Action
from sandbox.shop.shop import perform
from shadow.schedule import runs_between, scheduled_at


@dataclass(frozen=True, kw_only=True)
class Window:
    """The days that are replayed event by event: [start, end), with a daily run on each of the last `nights`."""

    start: date
    end: date
    nights: int = 7

    @property
    def runs(self) -> list[str]:
        """The runs due in the window, in order. Raises WrongUse when there is none."""
        due = runs_between(self.start, self.end, nights=self.nights)
        if not due:
            raise WrongUse(f"no run is due from {self.start} until {self.end}: choose a window with a Monday in it")
        return due


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a rehearsal came to."""

    totals: Sequence[Totals]
    delivered: Sequence[Books]
    events: int
    seconds: float
    report: Path
    mailbox: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A run with the actions since the one before it, and with those that happen while it is going on."""

    run: str
    before: Sequence[Action]
    meanwhile: Sequence[Action]


def rehearse(
    playground: Playground,
    history: Sequence[Action],
    window: Window,
    report: Path,
    screen: Screen,
    *,
    meanwhile: int = 0,
) -> Rehearsed:
    """Backfill what lies before the window, replay the window, hold both paths side by side in every run.

    Up to `meanwhile` actions happen after each run's legacy path, while the event-driven one may still be at it.

    Where the playground has a mailbox, the weekly runs deliver to it: the first one as in stage shadow, where the
    legacy path sends, and those that follow as a canary, where each path sends to half of the users.
    """
    began = time.monotonic()
    runs = window.runs
    start = datetime.combine(window.start, datetime.min.time(), UTC)
    before = next((number for number, action in enumerate(history) if action.at >= start), len(history))
    with playground:
        prehistory(playground, history, before, screen)
        stages = _stages(runs) if playground.mailbox else {}
        totals: list[Totals] = []
        delivered: list[Books] = []
        for stretch in stretches(history, before, runs, meanwhile):
            run = stretch.run
            replay(playground, run, stretch.before, screen)
            if run in stages:
                playground.stage(*stages[run], at=scheduled_at(run))
            totals.append(_both_paths(playground, stretch, screen))
            if run in stages:
                delivered.append(_delivered(playground, run, screen))
        with screen.working("Writing the report"):
            page = write_report(playground.engine, runs, playground.plan, report, code_version=code_version())
        with playground.engine.connect() as connection:
            events = head(connection)
    return Rehearsed(totals=totals, delivered=delivered, events=events, seconds=time.monotonic() - began, report=page)


def prehistory(playground: Playground, history: Sequence[Action], before: int, screen: Screen) -> None:
    """Load what lies before the window into the shop's tables, and backfill it."""
    with screen.working(f"Loading {how_many(before, 'past action')} into the shop", before) as progress:
        playground.load(islice(history, before), progress)
    with screen.working("Backfilling events from the shop's tables") as progress:
        emitted = playground.backfill(progress)
    with screen.working(f"Folding {how_many(emitted, 'event')}", emitted) as progress:
        playground.settle(progress)


def _stages(runs: Sequence[str]) -> dict[str, tuple[Stage, float]]:
    """The stage in which each weekly run begins."""
    weeks = [run for run in runs if "-W" in run]
    return {run: ("canary", 50.0) if number else ("shadow", 0.0) for number, run in enumerate(weeks)}


def replay(playground: Playground, run: str, due: Sequence[Action], screen: Screen) -> None:
    """Let happen what is due before a run, each action in its own transaction."""
    with screen.working(f"Replaying {how_many(len(due), 'action')} up to {run}", len(due)) as progress:
        for number, action in enumerate(due, 1):
            _happen(playground, action)
            progress(number)


def _happen(playground: Playground, action: Action) -> None:
    with playground.engine.begin() as connection:
        perform(connection, action)


def _both_paths(playground: Playground, stretch: Stretch, screen: Screen) -> Totals:
    """Both paths of a run, and what their comparison comes to."""
    run = stretch.run
    with screen.working(f"Run {run}, both paths"):
        playground.legacy(run)
        for action in stretch.meanwhile:
            _happen(playground, action)
        playground.event_driven(run)
        totals = playground.reconcile(run)
    screen.line(line_of(totals))
    return totals


def _delivered(playground: Playground, run: str, screen: Screen) -> Books:
    """Wait until everything of a run is sent and the provider has told what became of it."""
    with screen.working(f"Sending {run}"):
        playground.delivered(run)
        books = playground.told(run)
    screen.line(f"  {told_in_one_line(books)}")
    return books


def stretches(actions: Sequence[Action], start: int, runs: Sequence[str], meanwhile: int) -> Iterator[Stretch]:
    """Each run with the actions from number `start` on; what happens meanwhile happens before the next run is due."""
    for run, following in zip_longest(runs, runs[1:]):
        due = _number_at(actions, start, run)
        end = min(due + meanwhile, _number_at(actions, due, following) if following else len(actions))
        yield Stretch(run=run, before=actions[start:due], meanwhile=actions[due:end])
        start = end


def _number_at(actions: Sequence[Action], start: int, run: str) -> int:
    """The number of the first action that is not before a run, looking from `start` on."""
    return bisect_left(actions, scheduled_at(run), lo=start, key=attrgetter("at"))
