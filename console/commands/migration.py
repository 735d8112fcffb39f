"""`legacy-run` and `reconcile`: what crontab calls, and the comparison of what both paths did."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from console.connected import connected
from console.failures import Exit, WrongUse
from console.rehearsal import line_of
from console.screen import Screen, print_json, say
from console.tap import legacy_tap
from console.weekly_job import plan_in
from reconcile import Totals, mostly_unequal, reconcile, write_report
from runtime.clock import SystemClock
from runtime.settings import Settings
from runtime.version import code_version
from shadow.schedule import scheduled_at, week_of

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

EARLY = timedelta(minutes=10)
"""How much too early cron may be around midnight. Earlier on its own day a run may be begun by hand."""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("legacy-run")(legacy_run)
    app.command("reconcile")(reconcile_run)


def legacy_run(
    week: Annotated[str | None, typer.Option(help="The ISO week, e.g. 2026-W47. Default: this week.")] = None,
    day: Annotated[str | None, typer.Option(help="A date, e.g. 2026-11-20: a daily run, which only compares.")] = None,
    json: JsonOption = False,
) -> None:
    """What crontab calls while both paths run: start the run, and let the untouched batch do it over one snapshot.

    Emits WeekStarted (or DayStarted), runs the batch on a repeatable-read snapshot and records its outcomes. Started
    twice, or again after a crash, it records once.
    """
    run_legacy = legacy_tap()
    if week is not None and day is not None:
        raise WrongUse("give --week or --day, not both")
    now = SystemClock().now()
    run = next((name for name in (day, week) if name is not None), week_of(now))
    due = scheduled_at(run)
    if due.date() > (now + EARLY).date():
        raise WrongUse(f"run {run} lies in the future: it is for {due:%Y-%m-%d %H:%M} UTC")
    screen = Screen(quiet=json)
    with connected(prepare=True) as system, screen.working(f"Legacy batch, run {run}") as progress:
        tapped = run_legacy(
            system.engine,
            system.gate,
            run,
            partitions=system.partitions,
            code_version=code_version(),
            progress=progress,
        )
    if json:
        print_json(msgspec.to_builtins(tapped))
    elif tapped.already:
        say(f"Run {tapped.run} was recorded before; nothing to do.")
    else:
        say(
            f"Run {tapped.run}: {tapped.outcomes:,} outcomes recorded in {tapped.seconds:.1f} s, "
            f"{tapped.late_events:,} events arrived behind the barrier."
        )


def reconcile_run(
    run: Annotated[str, typer.Argument(help="A week such as 2026-W47, or a date such as 2026-11-20.")],
    html: Annotated[
        Path | None, typer.Option(help="Directory for report.html and report.json. Default: below .cutover/.")
    ] = None,
    json: JsonOption = False,
    database: Annotated[
        str | None,
        typer.Option(help="Another database on the same server: 'cutover_rehearsal' or 'cutover_demo'."),
    ] = None,
) -> None:
    """Compare what both paths recorded for a run, and write the report.

    Exit code 0: every pair matches or is explained by timing; 1: outcomes differ; 3: some could not be judged.
    """
    screen = Screen(quiet=json)
    plan = plan_in(database)
    with connected(database=database) as system:
        with screen.working(f"Comparing {run}") as progress:
            totals = reconcile(
                system.engine,
                run,
                plan,
                code_version=code_version(),
                progress=lambda done, _: progress(done),
            )
        directory = html or Settings().state_dir / "reports" / run
        page = write_report(system.engine, [run], plan, directory)
    if json:
        print_json({**msgspec.to_builtins(totals), "report": str(page)})
    else:
        say(line_of(totals).strip())
        typer.echo(f"Report: {page}")
    raise typer.Exit(_code(totals))


def _code(totals: Totals) -> Exit:
    if totals.mismatch:
        return Exit.NO
    unjudged = totals.incomplete or totals.unfinished or mostly_unequal(totals)
    return Exit.INCOMPLETE if unjudged else Exit.GOOD
