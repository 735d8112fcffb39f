"""A rehearsal: past orders through both paths, event by event, with every run in between, then the comparison.

Event time is data: weeks pass in seconds. Everything else is real: database, broker, relay, worker processes.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import redis
import sqlalchemy as sa

from console.failures import WrongUse
from console.processes import Processes, environment
from console.screen import Advance, Screen
from console.weekly_job import JOB, PLAN
from console.wiring import build
from events import head, lagging
from reconcile import Totals, reconcile, write_report
from runtime import database
from runtime.servers import Servers
from runtime.version import code_version
from sandbox.shop.actions import Action
from sandbox.shop.backfill import backfill
from sandbox.shop.bulk import load
from sandbox.shop.schema import create_tables
from sandbox.shop.shop import perform
from shadow.legacy_tap import run_legacy
from shadow.recorder import finished
from shadow.schedule import run_event, runs_between, scheduled_at

BROKER_DATABASE = 1
PATIENCE = 600.0


@dataclass(frozen=True, kw_only=True)
class Window:
    """The days that are replayed event by event: [start, end), with a daily run on each of the last `nights`."""

    start: date
    end: date
    nights: int = 7

    @property
    def runs(self) -> list[str]:
        """The runs due in the window, in order."""
        return runs_between(self.start, self.end, nights=self.nights)


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a rehearsal came to."""

    totals: Sequence[Totals]
    events: int
    seconds: float
    report: Path


class Rehearsal:
    """One rehearsal on a database of its own, beside whatever else these servers hold."""

    def __init__(
        self, servers: Servers, state_dir: Path, partitions: int, *, name: str, defect: str | None, screen: Screen
    ) -> None:
        self._state_dir = state_dir
        self._partitions = partitions
        self._defect = defect
        self._screen = screen
        self._name = name
        self._servers = Servers(
            database_url=database.database_url(servers.database_url, name),
            redis_url=_broker_beside(servers.redis_url),
        )
        self._system = build(self._servers, partitions)

    def run(self, history: Sequence[Action], window: Window, report: Path, *, workers: int) -> Rehearsed:
        """Replay `history` and hold both paths side by side in `window`. Raises WrongUse for a window without a run."""
        runs = window.runs
        if not runs:
            raise WrongUse(f"no run is due between {window.start} and {window.end}: choose a window with a Monday")
        began = time.monotonic()
        self._empty()
        env = environment(self._servers, self._state_dir, self._partitions, self._defect)
        with Processes(env, self._state_dir / "logs" / self._name) as processes:
            processes.start_all(workers)
            rest = self._prehistory(history, datetime.combine(window.start, datetime.min.time(), UTC), processes)
            totals = self._replay(rest, runs, processes)
        with self._screen.working("Writing the report"):
            page = write_report(self._system.engine, runs, PLAN, report)
            with self._system.engine.connect() as connection:
                events = head(connection)
        self._system.engine.dispose()
        return Rehearsed(totals=totals, events=events, seconds=time.monotonic() - began, report=page)

    def _empty(self) -> None:
        """A fresh database of this rehearsal's name, and an empty broker database beside the live one."""
        database.drop_database(self._servers.database_url, self._name)
        database.ensure_database(self._servers.database_url, self._name)
        self._system.redis.flushdb()
        self._system.prepare()
        with self._system.engine.begin() as connection:
            create_tables(connection)

    def _prehistory(self, history: Sequence[Action], start: datetime, processes: Processes) -> Sequence[Action]:
        """Load what lies before the window into the shop's tables and backfill it; the rest of the history."""
        before = next((number for number, action in enumerate(history) if action.at >= start), len(history))
        with (
            self._screen.working(f"Loading {before:,} past actions into the shop", before) as progress,
            self._system.engine.begin() as connection,
        ):
            load(connection, islice(history, before), progress=progress)
        with self._screen.working("Backfilling events from the shop's tables") as progress:
            emitted = backfill(self._system.engine, progress=progress)
        with self._screen.working(f"Folding {emitted:,} events", emitted) as progress:
            self._settle(processes, progress)
        return history[before:]

    def _replay(self, actions: Sequence[Action], runs: Sequence[str], processes: Processes) -> list[Totals]:
        totals = []
        for run, due in _between_runs(actions, runs):
            with self._screen.working(f"Replaying up to {run}", len(due)) as progress:
                for number, action in enumerate(due, 1):
                    with self._system.engine.begin() as connection:
                        perform(connection, action)
                    progress(number)
            with self._screen.working(f"Run {run}, both paths"):
                totals.append(self._run(run, processes))
            self._screen.line(line_of(totals[-1]))
        return totals

    def _run(self, run: str, processes: Processes) -> Totals:
        event = run_event(run, scheduled_at(run))
        engine = self._system.engine
        run_legacy(engine, JOB, event, partitions=self._partitions, code_version=code_version())
        self._wait(lambda: self._finished(run), processes, f"the event-driven path of run {run}")
        return reconcile(engine, run, PLAN, code_version=code_version())

    def _finished(self, run: str) -> bool:
        with self._system.engine.connect() as connection:
            return finished(connection, run, "event_driven")

    def _settle(self, processes: Processes, progress: Advance) -> None:
        """Wait until the outbox is empty and every subscription has come to the head of the log."""

        def settled() -> bool:
            with self._system.engine.connect() as connection:
                waiting = connection.scalar(sa.text("SELECT EXISTS (SELECT FROM cutover.outbox)"))
                end = head(connection)
                behind = lagging(connection, self._system.subscriptions)
            progress(end - max(behind.values(), default=0))
            return not waiting and not behind

        self._wait(settled, processes, "folding the backfilled events")

    def _wait(self, condition: Callable[[], bool], processes: Processes, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            processes.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not finish within {PATIENCE:.0f} s; see {self._state_dir / 'logs'}")
            time.sleep(0.02)


def line_of(totals: Totals) -> str:
    """One run in one line."""
    seconds = totals.seconds
    return (
        f"  {totals.run:<10}  {totals.pairs:>7,} pairs  {totals.match:>7,} match  {totals.explained:>5,} explained  "
        f"{totals.mismatch:>5,} mismatch  {totals.incomplete:>5,} incomplete   "
        f"legacy {seconds.get('legacy') or 0:.1f} s, event-driven {seconds.get('event_driven') or 0:.1f} s"
    )


def _between_runs(actions: Sequence[Action], runs: Sequence[str]) -> Iterator[tuple[str, Sequence[Action]]]:
    """Each run with the actions that happened since the one before it."""
    start = 0
    for run in runs:
        end = start
        while end < len(actions) and actions[end].at < scheduled_at(run):
            end += 1
        yield run, actions[start:end]
        start = end


def _broker_beside(redis_url: str) -> str:
    """The same server's database 1: nudges of a rehearsal never meet those of the live system."""
    client = redis.Redis.from_url(redis_url)
    options = client.connection_pool.connection_kwargs
    client.close()
    if "path" in options:
        return f"unix://{options['path']}?db={BROKER_DATABASE}"
    return sa.make_url(redis_url).set(database=str(BROKER_DATABASE)).render_as_string(hide_password=False)
