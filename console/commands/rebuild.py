"""`rebuild`: what is nothing but a fold of the log, folded anew."""

import time
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
import typer

from console.commands.options import DatabaseOption, DryRunOption, JsonOption, YesOption
from console.connected import connected
from console.failures import WrongUse
from console.screen import Screen, print_json, say
from events import head
from handlers.rebuild import REBUILT, TABLES

if TYPE_CHECKING:
    from console.wiring import System


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(rebuild)


def rebuild(
    workers: Annotated[int, typer.Option(help="Processes that fold.", min=1, max=64)] = 2,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Forget catalogue, popular products, purchases and lists, and fold them anew from the log.

    For when what the handlers hold is in doubt, or code that folds has changed. Nothing is sent and no outcome is
    touched: send ledger, campaigns and news of the provider are bound to what really happened and stay. The system may
    run meanwhile; its runs wait until it is done.
    """
    with connected(prepare=True, database=database, broker=True) as system:
        with system.engine.connect() as connection:
            rows = {table: connection.scalar(_count(table)) or 0 for table in TABLES}
            events = head(connection)
        if not dry_run:
            if not (yes or json):
                _confirm(rows, events)
            began = time.monotonic()
            events = _rebuilt(system, workers, events, Screen(quiet=json))
        seconds = 0.0 if dry_run else time.monotonic() - began
    if json:
        print_json({"events": events, "seconds": round(seconds, 2), "forgotten": rows, "rebuilt": not dry_run})
    elif dry_run:
        say(f"Would forget {_told(rows)}, and fold {events:,} events anew.")
    else:
        say(f"Folded {events:,} events in {seconds:.1f} s.")


def _rebuilt(system: "System", workers: int, events: int, screen: Screen) -> int:
    from console.rebuilding import rebuild as fold_anew

    with screen.working(f"Folding {events:,} events for {', '.join(REBUILT)}", events) as progress:
        return fold_anew(system, workers, progress)


def _confirm(rows: dict[str, int], events: int) -> None:
    say(f"This forgets {_told(rows)}, and folds {events:,} events anew.")
    if not typer.confirm("Go on?", err=True):
        raise WrongUse("nothing was changed")


def _told(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} rows of {table}" for table, count in rows.items())


def _count(table: str) -> sa.TextClause:
    return sa.text(f"SELECT count(*) FROM cutover.{table}")  # noqa: S608 - names are ours
