"""`demo` and `rehearse`: both paths over past orders, and the report."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from console.books import told_in_one_line
from console.commands.options import JsonOption
from console.commands.rehearsal_options import (
    DefectOption,
    EnlivenOption,
    MappingOption,
    MigrationOption,
    NightsOption,
    OrdersOption,
    ProductsOption,
    ReportOption,
    SeedOption,
    StartOption,
    UntilOption,
    UsersOption,
    WorkersOption,
)
from console.failures import Exit, WrongUse
from console.past import END, Given, Past, made_up, past_of
from console.rehearsal import Rehearsed, Window
from console.rehearsing import migrate_here, rehearse_here
from console.screen import Screen, print_json, print_table, say
from console.verdict_code import exit_code
from reconcile import Totals, answer
from sandbox.defects import defect as find_defect

MARKS = {"ready": "GOOD", "differ": "NOT READY", "incomplete": "NOT ENOUGH"}
COUNTS = ("pairs", "match", "explained", "mismatch", "incomplete")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(demo)
    app.command()(rehearse)


def demo(
    users: Annotated[int, typer.Option(help="Customers of the synthetic shop.", min=10, max=200_000)] = 600,
    seed: Annotated[int, typer.Option(help="Another number, another shop.")] = 7,
    json: JsonOption = False,
) -> None:
    """See it work: a small synthetic shop, two Mondays and seven nights through both paths, the mail, and the report.

    Takes about a minute. Needs nothing: PostgreSQL and Valkey start from their wheels under .cutover/, and the e-mails
    go to a stand-in for SendGrid at its usual 100 a second.
    """
    window = Window(start=(END - timedelta(days=14)).date(), end=END.date())
    screen = Screen(quiet=json)
    screen.line(
        "Two paths do the same weekly job over the same shop: the old cron batch, and event-driven handlers in real\n"
        "Celery workers. For every run and every user both outcomes are recorded and compared. The e-mails of the two\n"
        "Mondays leave through one send ledger: first all by the old path, then by each path to half of the users.\n"
    )
    past = Past(history=made_up(users, END, seed, screen), window=window)
    rehearsed = rehearse_here("demo", past, screen=screen, workers=2, sends=True)
    if json:
        print_json(_result(rehearsed))
    else:
        _summary(rehearsed)
        say(
            "\nNext: break it on purpose and watch it being caught:  cutover rehearse --defect tie_order\n"
            "      your own orders instead of invented ones:         cutover rehearse --orders FILE.csv\n"
            "      the whole system on this machine:                 cutover up"
        )
    raise typer.Exit(exit_code(rehearsed.totals))


def rehearse(
    orders: OrdersOption = None,
    mapping: MappingOption = None,
    products: ProductsOption = None,
    start: StartOption = None,
    until: UntilOption = None,
    nights: NightsOption = 7,
    users: UsersOption = 2000,
    seed: SeedOption = 7,
    enliven: EnlivenOption = False,
    defect: DefectOption = None,
    migration: MigrationOption = False,
    workers: WorkersOption = 2,
    report: ReportOption = None,
    json: JsonOption = False,
) -> None:
    """Both paths over past orders: every Monday and every night in the window, compared user by user.

    History before --from is loaded and backfilled; the window is replayed event by event, in event time, through real
    worker processes. Exit code 1 when outcomes differ, 3 when some could not be judged. With --migration: 1 when a red
    stage gate held the migration back.
    """
    screen = Screen(quiet=json)
    if defect is not None:
        find_defect(defect)
    if migration and start is not None:
        raise WrongUse("--migration takes the last five weeks before --until: give no --from")
    lively = enliven or defect is not None
    given = Given(
        orders=orders,
        mapping=mapping,
        products=products,
        start=start,
        until=until,
        nights=nights,
        users=users,
        seed=seed,
        enliven=lively,
    )
    if migration:
        raise typer.Exit(_migrate(past_of(given, screen), screen, defect, workers, report, json=json))
    rehearsed = rehearse_here(
        "rehearsal",
        past_of(given, screen),
        screen=screen,
        workers=workers,
        defect=defect,
        lively=lively,
        report=report,
    )
    if json:
        print_json(_result(rehearsed))
    else:
        _summary(rehearsed)
    raise typer.Exit(exit_code(rehearsed.totals))


def _migrate(past: Past, screen: Screen, defect: str | None, workers: int, report: Path | None, *, json: bool) -> Exit:
    from console.migration_summary import migration_as_data, show_migration

    found = migrate_here(past, screen=screen, defect=defect, workers=workers, report=report)
    if json:
        print_json(migration_as_data(found))
    else:
        show_migration(found)
    return Exit.NO if found.held_back or found.most > 1 else Exit.GOOD


def _result(rehearsed: Rehearsed) -> dict[str, object]:
    return {
        "runs": [
            {"run": totals.run, **{count: getattr(totals, count) for count in COUNTS}} for totals in rehearsed.totals
        ],
        "totals": _sums(rehearsed.totals),
        "delivered": [
            {"run": books.run, **books.states, "news": books.news, "total": books.total}
            for books in rehearsed.delivered
        ],
        "events": rehearsed.events,
        "seconds": round(rehearsed.seconds, 1),
        "mailbox": rehearsed.mailbox,
        "report": str(rehearsed.report),
    }


def _sums(totals: Sequence[Totals]) -> dict[str, int]:
    return {count: sum(getattr(each, count) for each in totals) for count in COUNTS}


def _summary(rehearsed: Rehearsed) -> None:
    rows = [[each.run, *(f"{getattr(each, count):,}" for count in COUNTS)] for each in rehearsed.totals]
    sums = _sums(rehearsed.totals)
    rows.append(["together", *(f"{sums[count]:,}" for count in COUNTS)])
    print_table("", ["run", *COUNTS], rows)
    for books in rehearsed.delivered:
        typer.echo(f"\nE-mails of {told_in_one_line(books)}.")
    if rehearsed.mailbox:
        typer.echo(f"Look at them: {rehearsed.mailbox}")
    found = answer(rehearsed.totals)
    typer.echo(f"\n{MARKS[found.state]}: {found.headline}")
    if found.state == "ready":
        typer.echo("The event-driven path would have sent exactly what the cron batch would have sent.")
    typer.echo("\n".join(["Could I sign, were it no rehearsal? " + found.signing, *found.sentences]))
    typer.echo(f"\n{rehearsed.events:,} events in {rehearsed.seconds:.0f} s. Report: {rehearsed.report}")
    others = ", Valkey and the mailbox" if rehearsed.mailbox else " and Valkey"
    say(f"PostgreSQL{others} keep running for the next command; `cutover down` stops them.")
