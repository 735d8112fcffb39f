"""`why`: the whole chain behind one e-mail or its absence."""

from typing import Annotated

import msgspec
import typer

from console.commands.options import DatabaseOption, JsonOption
from console.connected import connected
from console.failures import WrongUse
from console.screen import print_json, print_table
from console.why import Fact, Why, ever_registered
from console.why import why as answer_for
from shadow.schedule import scheduled_at


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(why)


def why(
    run: Annotated[str, typer.Argument(help="A week such as 2026-W47.")],
    user: Annotated[str, typer.Argument(help="The user's id.")],
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Why this user did or did not get mail in this run: every fact from its plan to the provider's last word."""
    scheduled_at(run)  # or it is no run at all
    with connected(database=database) as system, system.engine.connect() as connection:
        found = answer_for(connection, run, user)
        if found and found.code == "not_registered" and not ever_registered(connection, user):
            raise WrongUse(f"no user {user!r} was ever registered")
    if found is None:
        raise WrongUse(f"run {run!r} has not begun; `cutover status` lists the runs there are")
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        _show(found)


def _show(found: Why) -> None:
    typer.echo(f"Run {found.run}, user {found.user}: {found.code}\n{found.sentence}\n")
    if found.decisions:
        decided = ", ".join(f"{path.replace('_', '-')}: {decision}" for path, decision in found.decisions.items())
        typer.echo(f"The paths would   {decided}")
    if found.ledger:
        typer.echo(f"Owned by          {found.ledger['path'].replace('_', '-')}, attempts: {found.ledger['attempt']}")
    typer.echo()
    print_table("", ["position", "time", "event", "said"], [_row(fact) for fact in found.chain], numbers_from=9)


def _row(fact: Fact) -> list[str]:
    said = ", ".join(f"{name} {value}" for name, value in fact.said.items() if value not in (None, ""))
    return [f"{fact.position}", f"{fact.occurred_at:%Y-%m-%d %H:%M:%S}", fact.type, said]
