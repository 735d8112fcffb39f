"""A rehearsal of the migration itself: from legacy to retired in five weeks of event time, with gates and sign-offs.

Nothing is granted to it: reports are made, signed by keys, and held against the same stage gates as the real thing.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import sqlalchemy as sa

from console.books import told_in_one_line
from console.migration import move_now
from console.migration_calendar import DRILL, Calendar, Week
from console.migration_people import OPERATOR, People, changed
from console.playground import Playground
from console.rehearsal import Rehearsed, prehistory, replay
from console.run_line import line_of
from console.screen import Screen
from events import DrillRecorded, Event, emit, head
from handlers.delivery import campaign
from handlers.delivery.books import Books
from reconcile import Totals, make_report, write, write_report
from reconcile.move import Move
from reconcile.report import Report
from reconcile.stage_gate import StageGate
from runtime.version import code_version
from sandbox.shop.actions import Action
from shadow.history import migration
from shadow.schedule import scheduled_at


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One move that was made: on which report, and by whose names."""

    move: Move
    at: datetime
    signed_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """What the migration came to.

    `sent` counts the accepted e-mails of each weekly run by path; `most` is how often the provider accepted the one it
    accepted most often. `held_back` has the red gates of the move that could not be made, where the migration ended.
    """

    rehearsed: Rehearsed
    moves: Sequence[Moved]
    sent: Mapping[str, Mapping[str, int]]
    most: int
    drill: DrillRecorded | None
    held_back: tuple[StageGate, ...] = ()


class MigrationRehearsal:
    """One migration in one playground, which must have a mailbox."""

    def __init__(self, playground: Playground, history: Sequence[Action], calendar: Calendar, screen: Screen) -> None:
        self._playground = playground
        self._history = history
        self._calendar = calendar
        self._screen = screen
        self._people = People()
        self._done = 0
        self._runs: list[str] = []
        self._totals: list[Totals] = []
        self._delivered: list[Books] = []
        self._moves: list[Moved] = []

    def __call__(self, report: Path) -> Migrated:
        """Go through it; the report on all runs is written into `report`."""
        began = time.monotonic()
        with self._playground:
            self._prepare()
            self._compare(self._calendar.first_run)
            held_back = self._weeks(report)
            page = write_report(
                self._playground.engine, self._runs, self._playground.plan, report, code_version=code_version()
            )
            with self._playground.engine.connect() as connection:
                events, drill = head(connection), migration(connection).drill
                sent = {books.run: _sent(connection, books.run) for books in self._delivered}
            most = self._playground.accepted_most_often()
        rehearsed = Rehearsed(
            totals=self._totals,
            delivered=self._delivered,
            events=events,
            seconds=time.monotonic() - began,
            report=page,
        )
        return Migrated(rehearsed=rehearsed, moves=self._moves, sent=sent, most=most, drill=drill, held_back=held_back)

    def _prepare(self) -> None:
        start = datetime.combine(self._calendar.start, datetime.min.time(), UTC)
        self._done = next((n for n, action in enumerate(self._history) if action.at >= start), len(self._history))
        prehistory(self._playground, self._history, self._done, self._screen)
        self._tell(*self._people.granted(start))

    def _weeks(self, report: Path) -> tuple[StageGate, ...]:
        """Week after week, until a stage gate is red; the red ones."""
        for week in self._calendar.weeks():
            if red := self._move(week, report):
                return red
            for run in week.runs:
                drill = run == week.weekly and week.place == DRILL
                if week.place.stage == "retired":
                    self._without_legacy(run)
                else:
                    self._compare(run, hold=drill)
                if drill:
                    self._drill(run)
                if run == week.weekly:
                    self._deliver(run)
        return ()

    def _move(self, week: Week, report: Path) -> tuple[StageGate, ...]:
        """Report, sign and move; what is red if that cannot be."""
        made = self._reported(week, report)
        if made.judgement is None:
            raise ValueError(f"nothing was compared before {week.place}")
        before = self._look(week)
        self._tell(*self._people.sign_offs(week.place, made.judgement, before.asked.approvers, week.moves_at))
        move = self._look(week)
        if move.red:
            self._screen.line(f"HELD BACK before {week.place}: {', '.join(gate.name for gate in move.red)}")
            return move.red
        self._tell(changed(week.place, made.judgement, move.rests_on, week.moves_at))
        signed_by = tuple(sorted(each.person for each in move.sign_offs if each.counts))
        self._moves.append(Moved(move=move, at=week.moves_at, signed_by=signed_by))
        self._screen.line(f"Moved from {move.here} to {move.there}: {len(move.gates)} stage gates green.")
        return ()

    def _reported(self, week: Week, report: Path) -> Report:
        made = make_report(self._playground.engine, week.evidence, self._playground.plan, code_version=code_version())
        write(made, report / f"{week.place.stage}-{week.place.percent:g}".removesuffix("-0"))
        return made

    def _look(self, week: Week) -> Move:
        with self._playground.engine.connect() as connection:
            found = migration(connection)
            return move_now(self._playground.system, connection, found, week.place, now=week.moves_at)

    def _compare(self, run: str, *, hold: bool = False) -> None:
        """Both paths of a run; with `hold` its campaign is paused until the drill."""
        self._reach(run)
        self._runs.append(run)
        with self._screen.working(f"Run {run}, both paths"):
            self._playground.legacy(run)
            if hold:
                with self._playground.engine.begin() as connection:
                    campaign.pause(connection, run, by=OPERATOR)
            self._playground.event_driven(run)
            self._totals.append(self._playground.reconcile(run))
        self._screen.line(line_of(self._totals[-1]))

    def _without_legacy(self, run: str) -> None:
        """The batch is gone: the event-driven path is alone."""
        self._reach(run)
        with self._screen.working(f"Run {run}, the event-driven path alone"):
            self._playground.barrier(run)
            self._playground.event_driven(run)

    def _reach(self, run: str) -> None:
        """Let happen what is due before a run."""
        end = bisect_left(self._history, scheduled_at(run), lo=self._done, key=attrgetter("at"))
        due = self._history[self._done : end]
        replay(self._playground, run, due, self._screen)
        self._done = end

    def _deliver(self, run: str) -> None:
        with self._screen.working(f"Sending {run}"):
            self._playground.delivered(run)
            books = self._playground.told(run)
        self._screen.line(f"  {told_in_one_line(books)}")
        self._delivered.append(books)

    def _drill(self, run: str) -> None:
        """Roll the run back for practice when the event-driven path has sent half of its e-mails, and let it go on."""
        engine = self._playground.engine
        with engine.begin() as connection:
            connection.execute(_HOLD_HALF, {"run": run})
            campaign.resume(connection, run)
        self._playground.wait(lambda: self._sent_by("event_driven", run) > 0, f"the first e-mails of run {run}")
        with engine.begin() as connection:
            self._playground.system.rollback(
                connection, run, by=OPERATOR, why="a drill", at=scheduled_at(run), drill=True
            )
            connection.execute(_LET_GO, {"run": run})
        self._screen.line("  Drill: whoever nobody has claimed yet goes to the legacy path.")
        self._playground.wait(lambda: self._drilled() is not None, "the relay judging the drill")

    def _sent_by(self, path: str, run: str) -> int:
        with self._playground.engine.connect() as connection:
            return _sent(connection, run).get(path, 0)

    def _drilled(self) -> DrillRecorded | None:
        with self._playground.engine.connect() as connection:
            return migration(connection).drill

    def _tell(self, *events: Event) -> None:
        with self._playground.engine.begin() as connection:
            emit(connection, *events)
        self._playground.settle()


def _sent(connection: sa.Connection, run: str) -> Mapping[str, int]:
    rows = connection.execute(_SENT, {"run": run})
    return {row.path: row.accepted for row in rows}


_SENT = sa.text("""
    SELECT path, count(*) FILTER (WHERE state = 'accepted') AS accepted FROM cutover.send_ledger
    WHERE run = :run GROUP BY path ORDER BY path
""")

_HOLD_HALF = sa.text("""
    WITH mine AS (
        SELECT user_id, row_number() OVER (ORDER BY user_id) * 2 > count(*) OVER () AS later
        FROM cutover.send_ledger WHERE run = :run AND path = 'event_driven' AND state = 'planned'
    )
    UPDATE cutover.send_ledger l SET not_before = clock_timestamp() + interval '1 hour'
    FROM mine WHERE l.run = :run AND l.user_id = mine.user_id AND mine.later
""")
"""In a shop this small all would be over before anybody could roll back."""

_LET_GO = sa.text("UPDATE cutover.send_ledger SET not_before = NULL WHERE run = :run AND state = 'planned'")
