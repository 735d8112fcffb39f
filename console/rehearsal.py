"""A rehearsal: past orders through both paths, event by event, with every run in between, then the comparison.

Event time is data: weeks pass in seconds. Everything else is real: database, broker, relay, worker processes.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

from console.books import told_in_one_line
from console.failures import WrongUse
from console.playground import Playground
from console.run_line import line_of
from console.screen import Screen
from console.weekly_job import plan_in
from events import head
from events.stage_events import Stage
from handlers.delivery.books import Books
from reconcile import Totals, write_report
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


def rehearse(
    playground: Playground, history: Sequence[Action], window: Window, report: Path, screen: Screen
) -> Rehearsed:
    """Backfill what lies before the window, replay the window, hold both paths side by side in every run.

    Where the playground has a mailbox, the weekly runs deliver to it: the first one as in stage shadow, where the
    legacy path sends, and those that follow as a canary, where each path sends to half of the users.
    """
    began = time.monotonic()
    runs = window.runs
    start = datetime.combine(window.start, datetime.min.time(), UTC)
    before = next((number for number, action in enumerate(history) if action.at >= start), len(history))
    with playground:
        _prehistory(playground, history, before, screen)
        stages = _stages(runs) if playground.mailbox else {}
        totals: list[Totals] = []
        delivered: list[Books] = []
        for run, due in _between_runs(history, before, runs):
            _replay(playground, run, due, screen)
            if run in stages:
                playground.stage(*stages[run], at=scheduled_at(run))
            totals.append(_both_paths(playground, run, screen))
            if run in stages:
                delivered.append(_delivered(playground, run, screen))
        with screen.working("Writing the report"):
            page = write_report(playground.engine, runs, plan_in(playground.database), report)
        with playground.engine.connect() as connection:
            events = head(connection)
    return Rehearsed(totals=totals, delivered=delivered, events=events, seconds=time.monotonic() - began, report=page)


def _prehistory(playground: Playground, history: Sequence[Action], before: int, screen: Screen) -> None:
    """Load what lies before the window into the shop's tables, and backfill it."""
    with screen.working(f"Loading {before:,} past actions into the shop", before) as progress:
        playground.load(islice(history, before), progress)
    with screen.working("Backfilling events from the shop's tables") as progress:
        emitted = playground.backfill(progress)
    with screen.working(f"Folding {emitted:,} events", emitted) as progress:
        playground.settle(progress)


def _stages(runs: Sequence[str]) -> dict[str, tuple[Stage, float]]:
    """The stage in which each weekly run begins."""
    weeks = [run for run in runs if "-W" in run]
    return {run: ("canary", 50.0) if number else ("shadow", 0.0) for number, run in enumerate(weeks)}


def _replay(playground: Playground, run: str, due: Sequence[Action], screen: Screen) -> None:
    """Let happen what is due before a run, each action in its own transaction."""
    with screen.working(f"Replaying {len(due):,} actions up to {run}", len(due)) as progress:
        for number, action in enumerate(due, 1):
            with playground.engine.begin() as connection:
                perform(connection, action)
            progress(number)


def _both_paths(playground: Playground, run: str, screen: Screen) -> Totals:
    with screen.working(f"Run {run}, both paths"):
        playground.legacy(run)
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


def _between_runs(actions: Sequence[Action], start: int, runs: Sequence[str]) -> Iterator[tuple[str, Sequence[Action]]]:
    """Each run with the actions from number `start` on that happened since the one before it."""
    for run in runs:
        end = start
        while end < len(actions) and actions[end].at < scheduled_at(run):
            end += 1
        yield run, actions[start:end]
        start = end
