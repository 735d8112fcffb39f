"""`legacy-run` and `start-run`: what crontab calls."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from console.books import as_data, show_books
from console.commands.options import JsonOption
from console.connected import connected
from console.failures import Exit, WrongUse
from console.screen import Screen, print_json, say
from console.tap import legacy_tap
from events import WeekStarted, position_of
from runtime import servers
from runtime.clock import SystemClock
from runtime.quantity import how_many
from runtime.settings import Settings
from runtime.version import code_version
from shadow.barrier import raise_barrier
from shadow.schedule import run_event, scheduled_at, week_of
from shadow.stage import Standing, standing

if TYPE_CHECKING:
    from console.wiring import System
    from shadow.legacy_tap import Tapped


WeekOption = Annotated[str | None, typer.Option(help="The ISO week, e.g. 2026-W47. Default: this week.")]
DayOption = Annotated[str | None, typer.Option(help="A date, e.g. 2026-11-20: a daily run, which only compares.")]

LateOption = Annotated[
    bool, typer.Option("--late", help="Begin a week that is over, and send its e-mails all the same.")
]

EARLY = timedelta(minutes=10)
"""How much too early cron may be around midnight. Earlier on its own day a run may be begun by hand."""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("legacy-run")(legacy_run)
    app.command("start-run")(start_run)


def legacy_run(
    week: WeekOption = None,
    day: DayOption = None,
    no_send: Annotated[
        bool, typer.Option("--no-send", help="Plan the e-mails and leave the sending to the workers.")
    ] = False,
    late: LateOption = False,
    json: JsonOption = False,
) -> None:
    """What crontab calls in the script's place: start the run, let the untouched batch do it, send what it owns.

    Emits WeekStarted (or DayStarted), runs the batch on a repeatable-read snapshot and hands its outcomes to the gate.
    From stage shadow on, a weekly run then sends through the ledger until nothing is left. Started twice, or again
    after a crash, it records once and sends once.

    Exit code 1 when e-mails failed for good, 3 when some are unconfirmed.
    """
    run_legacy = legacy_tap()
    run = _due_run(week, day)
    screen = Screen(quiet=json)
    settings = Settings()
    with connected(prepare=True) as system:
        if day is None:
            _refuse_unwanted_sending(system, run, late=late, no_send=no_send)
        with screen.working(f"Legacy batch, run {run}") as progress:
            tapped = run_legacy(
                system.engine,
                system.gate,
                run,
                partitions=system.partitions,
                code_version=code_version(),
                progress=progress,
            )
        screen.line(_told(tapped))
        books = None
        if tapped.sends and not no_send:
            from console.campaigning import send_run

            # Its e-mails are planned; sending alone takes Redis.
            servers.check(system.servers.database_url, system.servers.redis_url)
            books = send_run(system, settings, run, screen)
    if json:
        print_json({**msgspec.to_builtins(tapped), "books": as_data(books, SystemClock().now()) if books else None})
    elif books:
        show_books(books, SystemClock().now())
    if books and books.states["failed"]:
        raise typer.Exit(Exit.NO)
    if books and books.states["unconfirmed"]:
        raise typer.Exit(Exit.INCOMPLETE)


def start_run(
    week: WeekOption = None, day: DayOption = None, late: LateOption = False, json: JsonOption = False
) -> None:
    """Begin a run without the batch: what crontab calls when the batch is gone, or has nobody left to serve.

    Emits WeekStarted (or DayStarted) with the cohort of the stage. A run that began already keeps its barrier.
    """
    run = _due_run(week, day)
    with connected(prepare=True) as system:
        if day is None:
            _refuse_late(system, run, late=late)
        position, event = raise_barrier(system.engine, run, system.partitions, salt=system.gate.job.name)
    sends = isinstance(event, WeekStarted) and event.sends
    if json:
        print_json({"run": run, "position": position, "sends": sends})
    else:
        say(f"Run {run} has begun at position {position:,}" + ("." if sends else "; it only compares."))


def _due_run(week: str | None, day: str | None) -> str:
    if week is not None and day is not None:
        raise WrongUse("give --week or --day, not both")
    now = SystemClock().now()
    run = next((name for name in (day, week) if name is not None), week_of(now))
    due = scheduled_at(run)
    if due.date() > (now + EARLY).date():
        raise WrongUse(f"run {run} lies in the future: it is for {due:%Y-%m-%d %H:%M} UTC")
    return run


def _refuse_unwanted_sending(system: "System", run: str, *, late: bool, no_send: bool) -> None:
    """Better refused before the batch than after it, with everybody's e-mail planned."""
    stage = _refuse_late(system, run, late=late)
    if stage.sends and not no_send and not system.delivery.configured:
        raise WrongUse(
            f"in stage {stage.stage} this run sends, but SENDGRID_API_KEY and MAIL_FROM are not set; set them, or give "
            "--no-send if workers that know them do the sending"
        )


def _told(tapped: "Tapped") -> str:
    if tapped.already:
        return f"Run {tapped.run} was recorded before."
    return (
        f"Run {tapped.run}: {how_many(tapped.outcomes, 'outcome')} recorded in {tapped.seconds:.1f} s, "
        f"{tapped.late_events:,} events arrived behind the barrier."
        + ("" if tapped.sends else " Nothing was sent: this run only compares.")
    )


def _refuse_late(system: "System", run: str, *, late: bool) -> Standing:
    """The stage; a week that is over is begun in one that sends only if that is what is wanted."""
    with system.engine.connect() as connection:
        stage = standing(connection)
        begun = position_of(connection, run_event(run).event_id) is not None
    if stage.sends and not begun and not late and scheduled_at(run) < scheduled_at(week_of(SystemClock().now())):
        raise WrongUse(
            f"run {run} is over and has not begun; in stage {stage.stage} everybody would get its e-mail now, "
            "besides this week's. Give --late if that is what you want"
        )
    return stage
