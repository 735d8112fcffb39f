"""The command line: every command, and one place where failures become messages and exit codes."""

import sys

import typer

from console.commands import log, migration, rehearsals, system
from console.failures import explain
from console.screen import say

app = typer.Typer(
    name="cutover",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Replace a cron batch with event-driven handlers, and prove the replacement right before anybody has to "
    "trust it.\n\nTry [bold]cutover demo[/bold] first.",
    epilog="Exit codes: 0 good · 1 the answer is no (mismatches, unhealthy) · 2 wrong use · 3 incomplete · "
    "4 a dependency is unreachable.",
)

rehearsals.add_to(app)
migration.add_to(app)
log.add_to(app)
system.add_to(app)


def main() -> None:
    """Run the command line; failures that are not defects end in one clear message."""
    try:
        app()
    except Exception as problem:
        explained = explain(problem)
        if explained is None:
            raise
        message, code = explained
        say(f"cutover: {message}")
        sys.exit(code)


if __name__ == "__main__":
    main()
