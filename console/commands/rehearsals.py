"""`demo` and `rehearse`: both paths over past orders, and the report."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from console.books import told_in_one_line
from console.connected import reachable
from console.failures import Exit, WrongUse
from console.playground import Playground
from console.rehearsal import Rehearsed, Window
from console.rehearsal import rehearse as rehearse_history
from console.screen import Screen, print_json, print_table, say
from console.stand_in import stand_in
from reconcile import Totals, answer, mostly_unequal
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.defects import CATALOGUE
from sandbox.shop.actions import Action

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DAY = ["%Y-%m-%d"]

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
    until = datetime(2026, 11, 16, tzinfo=UTC)
    window = Window(start=(until - timedelta(days=14)).date(), end=until.date())
    screen = Screen(quiet=json)
    screen.line(
        "Two paths do the same weekly job over the same shop: the old cron batch, and event-driven handlers in real\n"
        "Celery workers. For every run and every user both outcomes are recorded and compared. The e-mails of the two\n"
        "Mondays leave through one send ledger: first all by the old path, then by each path to half of the users.\n"
    )
    with screen.working(f"Making up a year of a shop with {users:,} customers"):
        history = _synthetic(users, until, seed)
    rehearsed = _rehearse("demo", history, window, screen=screen, defect=None, workers=2, report=None, sends=True)
    if json:
        print_json(_result(rehearsed))
    else:
        _summary(rehearsed)
        say(
            "\nNext: break it on purpose and watch it being caught:  cutover rehearse --defect tie_order\n"
            "      your own orders instead of invented ones:         cutover rehearse --orders FILE.csv\n"
            "      the whole system on this machine:                 cutover up"
        )
    raise typer.Exit(_code(rehearsed.totals))


def rehearse(
    orders: Annotated[
        Path | None,
        typer.Option(help="Order lines as CSV or Parquet, gzip or plain. Without it: a synthetic shop."),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(help="Names of the columns, e.g. 'order_id=Order,product_id=SKU'. Default: Online Retail's."),
    ] = None,
    products: Annotated[
        str | None,
        typer.Option(help="Pattern (regular expression) of the codes that are products. Default: Online Retail's."),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=DAY, help="First day replayed event by event; history before it is backfilled."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=DAY, help="The day after the last one. Default: end of data.")
    ] = None,
    nights: Annotated[int, typer.Option(help="Daily runs on so many nights at the end.", min=0, max=366)] = 7,
    users: Annotated[int, typer.Option(help="Customers of the synthetic shop.", min=10, max=1_000_000)] = 2000,
    seed: Annotated[int, typer.Option(help="Another number, another synthetic shop.")] = 7,
    defect: Annotated[
        str | None,
        typer.Option(help="Break the event-driven path on purpose: " + ", ".join(CATALOGUE) + "."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Celery worker processes.", min=1, max=64)] = 2,
    report: Annotated[
        Path | None, typer.Option(help="Directory for report.html and report.json. Default: below .cutover/.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Both paths over past orders: every Monday and every night in the window, compared user by user.

    History before --from is loaded and backfilled; the window is replayed event by event, in event time, through real
    worker processes. Exit code 1 when outcomes differ, 3 when some could not be judged.
    """
    screen = Screen(quiet=json)
    if defect is not None and defect not in CATALOGUE:
        raise WrongUse(f"unknown defect {defect!r}; expected one of: {', '.join(CATALOGUE)}")
    if mapping is not None and orders is None:
        raise WrongUse("--mapping names the columns of a file: give --orders FILE too")
    if orders is not None:
        history = _imported(orders, mapping, products, screen)
    else:
        end = until.replace(tzinfo=UTC) if until else datetime(2026, 11, 16, tzinfo=UTC)
        with screen.working(f"Making up a year of a shop with {users:,} customers"):
            history = _synthetic(users, end, seed)
    window = _window(history, start, until, nights)
    rehearsed = _rehearse("rehearsal", history, window, screen=screen, defect=defect, workers=workers, report=report)
    if json:
        print_json(_result(rehearsed))
    else:
        _summary(rehearsed)
    raise typer.Exit(_code(rehearsed.totals))


def _synthetic(users: int, until: datetime, seed: int) -> list[Action]:
    from sandbox.shop.synthetic import synthetic_history

    return list(
        synthetic_history(
            users=users, products=max(40, min(5000, users // 2)), order_lines=users * 15, until=until, seed=seed
        )
    )


def _imported(path: Path, mapping: str | None, products: str | None, screen: Screen) -> list[Action]:
    from sandbox.shop.import_mapping import ONLINE_RETAIL, parse_mapping
    from sandbox.shop.order_lines import PRODUCT_PATTERN, read_order_lines

    with screen.working(f"Reading {path.name}"):
        found = read_order_lines(
            path,
            mapping=parse_mapping(mapping) if mapping else ONLINE_RETAIL,
            product_pattern=products or PRODUCT_PATTERN,
        )
    screen.line(
        f"Read {found.read:,} order lines of {path.name}, kept {found.kept:,}"
        + ("; left out:" if found.left_out else ".")
    )
    for reason, count in sorted(found.left_out.items(), key=lambda item: -item[1]):
        screen.line(f"  {count:>9,}  {reason}")
    return list(found.history)


def _window(history: list[Action], start: datetime | None, until: datetime | None, nights: int) -> Window:
    if not history:
        raise WrongUse("there is nothing to replay: the history is empty")
    end = (until or history[-1].at + timedelta(days=1)).date()
    begin = start.date() if start else end - timedelta(days=35)
    if begin >= end:
        raise WrongUse(f"--from {begin} is not before --until {end}")
    if begin > history[-1].at.date():
        raise WrongUse(f"--from {begin} lies behind the last order of {history[-1].at.date()}")
    return Window(start=begin, end=end, nights=nights)


def _rehearse(
    name: str,
    history: list[Action],
    window: Window,
    *,
    screen: Screen,
    defect: str | None,
    workers: int,
    report: Path | None,
    sends: bool = False,
) -> Rehearsed:
    settings = Settings()
    window.runs  # noqa: B018 - refuse a window without a run before anything is started
    with claim(settings.state_dir, name):
        with screen.working("Starting PostgreSQL and Valkey"):
            found = reachable(settings)
        mailbox = stand_in(settings.state_dir / f"sendgrid-{name}", stays=True) if sends else None
        playground = Playground(
            found,
            settings.state_dir,
            settings.partitions,
            name=name,
            workers=workers,
            defect=defect,
            mailbox=mailbox,
        )
        directory = report or settings.state_dir / "reports" / name
        rehearsed = rehearse_history(playground, history, window, directory, screen)
        return replace(rehearsed, mailbox=f"{mailbox.host}/mailbox" if mailbox else None)


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
    typer.echo("\n".join(["Can I sign? " + found.signing, *found.sentences]))
    typer.echo(f"\n{rehearsed.events:,} events in {rehearsed.seconds:.0f} s. Report: {rehearsed.report}")
    others = ", Valkey and the mailbox" if rehearsed.mailbox else " and Valkey"
    say(f"PostgreSQL{others} keep running for the next command; `cutover down` stops them.")


def _code(totals: Sequence[Totals]) -> Exit:
    sums = _sums(totals)
    if sums["mismatch"]:
        return Exit.NO
    return Exit.INCOMPLETE if sums["incomplete"] or any(map(mostly_unequal, totals)) else Exit.GOOD
