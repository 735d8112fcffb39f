"""`reconcile` and `report`: the comparison of what both paths did in a run, and the report over several runs."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from console.commands.options import DatabaseOption, JsonOption
from console.connected import connected
from console.failures import Exit, WrongUse
from console.plan import plan_of
from console.run_line import line_of
from console.screen import Advance, Begin, Screen, print_json, say
from console.verdict_code import CODES
from reconcile import Report, Totals, make_report, mostly_unequal, reconcile, reconciled_runs, write
from reconcile.junit import as_junit
from runtime.quantity import how_many
from runtime.settings import Settings
from runtime.version import code_version

if TYPE_CHECKING:
    from console.wiring import System

HtmlOption = Annotated[
    Path | None, typer.Option(help="Directory for report.html, report.json and report.xml. Default: below .cutover/.")
]
JunitOption = Annotated[Path | None, typer.Option(help="Write the report as JUnit XML to this file, too.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("reconcile")(reconcile_run)
    app.command("report")(report)


def reconcile_run(
    run: Annotated[str, typer.Argument(help="A week such as 2026-W47, or a date such as 2026-11-20.")],
    html: HtmlOption = None,
    junit: JunitOption = None,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Compare what both paths recorded for a run, explain what differs, and write the report on this run.

    Called again it looks only at what changed. Exit code 0: every pair matches or is explained; 1: outcomes differ;
    3: some could not be judged.
    """
    screen = Screen(quiet=json)
    with connected(database=database) as system:
        plan = plan_of(system, database)
        with screen.steps() as begin:
            totals = reconcile(
                system.engine,
                run,
                plan,
                code_version=code_version(),
                progress=_told(begin, f"Comparing {run}"),
                explaining=_told(begin, "Explaining differences"),
            )
        made = make_report(system.engine, [run], plan, code_version=code_version())
    page = _written(made, html or Settings().state_dir / "reports" / run, junit)
    if json:
        print_json({**msgspec.to_builtins(totals), "report": str(page), "digest": made.digest})
    else:
        say(line_of(totals).strip())
        _say_causes(made)
        typer.echo(f"Report: {page}\nDigest: {made.digest}")
    raise typer.Exit(_code(totals))


def report(
    runs: Annotated[list[str] | None, typer.Argument(help="Reconciled runs. Default: those of the last days.")] = None,
    days: Annotated[int, typer.Option(help="How many days, up to the last reconciled run.", min=1, max=366)] = 7,
    html: HtmlOption = None,
    junit: JunitOption = None,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """The report over several reconciled runs: the one that people sign.

    Its digest names the evidence: the same runs with the same outcomes and verdicts have the same digest. Exit code 0:
    nothing stands against signing; 1: outcomes differ; 3: what was seen is not enough.
    """
    with connected(database=database) as system:
        plan = plan_of(system, database)
        chosen = runs or _of_the_last(system, days)
        with Screen(quiet=json).working(f"Writing the report on {len(chosen)} runs"):
            made = make_report(system.engine, chosen, plan, code_version=code_version())
    page = _written(made, html or Settings().state_dir / "reports" / "last", junit)
    if json:
        print_json(
            {"digest": made.digest, "runs": chosen, "answer": msgspec.to_builtins(made.answer), "report": str(page)}
        )
    else:
        _say(made, page)
    raise typer.Exit(CODES[made.answer.state])


def _told(begin: Begin, what: str) -> Callable[[int, int], None]:
    """A step that begins when it is first told how far it is."""
    step: list[Advance] = []

    def tell(done: int, whole: int) -> None:
        if not step:
            step.append(begin(what, whole))
        step[0](done)

    return tell


def _of_the_last(system: "System", days: int) -> list[str]:
    with system.engine.connect() as connection:
        known = reconciled_runs(connection)
    if not known:
        raise WrongUse("no run has been reconciled yet: `cutover reconcile RUN` first")
    last = max(known.values())
    return [run for run, due in known.items() if due.date() > (last - timedelta(days=days)).date()]


def _written(made: Report, directory: Path, junit: Path | None) -> Path:
    page = write(made, directory)
    if junit is not None:
        junit.write_bytes(as_junit(made))
    return page


def _say(made: Report, page: Path) -> None:
    typer.echo(made.answer.headline)
    typer.echo("\n".join(["Can I sign? " + made.answer.signing, *made.answer.sentences]))
    for gate in made.gates:
        typer.echo(f"  {'green' if gate.green else 'RED  '}  {gate.name}: {gate.figure} (limit: {gate.limit})")
    typer.echo(f"\nReport: {page}\nDigest: {made.digest}")


def _say_causes(made: Report) -> None:
    for run in made.runs:
        for cause in run.reconciled.totals.causes:
            said = f"the {cause.path.replace('_', '-')} path: {cause.says}" if cause.suspect else "unexplained"
            say(f"  {how_many(cause.units, 'pair')}: {said}")


def _code(totals: Totals) -> Exit:
    if totals.mismatch:
        return Exit.NO
    unjudged = totals.incomplete or totals.unfinished or mostly_unequal(totals)
    return Exit.INCOMPLETE if unjudged else Exit.GOOD
