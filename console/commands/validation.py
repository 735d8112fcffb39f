"""`validate`: the provider judges what a path would send, and nobody gets anything."""

from typing import Annotated

import msgspec
import typer

from console.commands.options import DatabaseOption, JsonOption
from console.connected import connected
from console.failures import Exit, WrongUse
from console.keys import unsubscribe_links
from console.screen import Screen, print_json, print_table, say
from console.weekly_messages import WeeklyMessages
from runtime.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(validate)


def validate(
    run: Annotated[str, typer.Argument(help="A run that was recorded: a week, or a day.")],
    path: Annotated[str, typer.Option(help="Whose e-mails: event_driven or legacy.")] = "event_driven",
    sample: Annotated[int, typer.Option(help="How many, chosen at random.", min=1, max=1_000_000)] = 200,
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Let the provider judge what a path would send, in its sandbox mode: nobody gets anything.

    Posts real requests at the common pace. Exit code 1 when some are refused, 3 when some could not be judged.
    """
    if path not in ("event_driven", "legacy"):
        raise WrongUse(f"--path is {path!r}; expected event_driven or legacy")
    with connected(database=database, broker=True) as system:
        links = unsubscribe_links(Settings(), system.delivery)
        with system.engine.connect() as connection:
            messages = WeeklyMessages(links.url).sample(connection, run, path, sample)
        if not messages:
            raise WrongUse(f"the {path} path of run {run!r} would send nothing that is recorded")
        sending = system.sending(links)
        try:
            with Screen(quiet=json).working(f"Asking about {len(messages):,} e-mails"):
                found = sending.validate(messages)
        finally:
            sending.close()
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        say(f"{found.good:,} of {len(messages):,} would be accepted")
        rows = [[reason, f"{count:,}", found.examples.get(reason, "")] for reason, count in found.refused.most_common()]
        rows += [[reason, f"{count:,}", "not judged"] for reason, count in found.unanswered.most_common()]
        if rows:
            print_table("Not accepted", ["reason", "e-mails", "example"], rows, numbers_from=9)
    if found.refused:
        raise typer.Exit(Exit.NO)
    raise typer.Exit(Exit.INCOMPLETE if found.unanswered else Exit.GOOD)
