"""The command line: every command, and one place where failures become messages and exit codes."""

import gc
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from console.failures import explain
from console.screen import say
from runtime.redaction import redacted_text
from runtime.version import code_version

GROUPS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "See it work": {
        "console.commands.rehearsals": ("demo", "rehearse"),
        "console.commands.defects": ("defects",),
    },
    "Run both paths and compare": {
        "console.commands.migration": ("legacy-run", "start-run"),
        "console.commands.reconciling": ("reconcile", "report"),
        "console.commands.explain": ("explain",),
        "console.commands.why": ("why",),
    },
    "Decide": {
        "console.commands.stage": ("stage",),
        "console.commands.sign_off": ("sign-off",),
        "console.commands.rollback": ("rollback", "retire"),
        "console.commands.people": ("people",),
    },
    "Send": {
        "console.commands.delivery": ("campaign", "unconfirmed", "deadletters"),
        "console.commands.validation": ("validate",),
    },
    "Tell the log": {
        "console.commands.log": ("emit", "backfill"),
        "console.commands.rebuild": ("rebuild",),
    },
    "Operate": {
        "console.commands.system": ("up", "down", "status", "relay", "worker", "serve", "migrate"),
    },
}
"""Where each command is, in the order in which the help lists them, under these headings."""

COMMANDS = {module: names for modules in GROUPS.values() for module, names in modules.items()}
HEADINGS = {name: heading for heading, modules in GROUPS.items() for names in modules.values() for name in names}


def command_line(arguments: Sequence[str] = ()) -> typer.Typer:
    """All commands; only those beside the one that `arguments` begin with, where that spares seconds of imports."""
    app = typer.Typer(
        name="cutover",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        help="Replace a cron batch with event-driven handlers, and prove the replacement right before anybody has to "
        "trust it.\n\nTry **cutover demo** first.",
        epilog="Exit codes: 0 good · 1 the answer is no (mismatches, unhealthy) · 2 wrong use · 3 incomplete · "
        "4 a dependency is unreachable.",
    )
    app.callback()(_group)
    wanted = [module for module, commands in COMMANDS.items() if arguments[:1] and arguments[0] in commands]
    for module in wanted or COMMANDS:
        import_module(module).add_to(app)
    for command in app.registered_commands:
        command.rich_help_panel = HEADINGS[str(command.name or getattr(command.callback, "__name__", ""))]
    for group in app.registered_groups:
        group.rich_help_panel = HEADINGS[str(group.name)]
    return app


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(code_version())
        raise typer.Exit


def _group(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the code version and end.")
    ] = False,
) -> None:
    """A callback makes the program a group of commands even where only one of them is loaded."""


def main() -> None:
    """Run the command line; failures that are not defects end in one clear message."""
    try:
        command_line(sys.argv[1:])()
    except Exception as problem:
        explained = explain(problem)
        if explained is None:
            # As Python would print it, but for what it may quote of the environment.
            sys.stderr.write(redacted_text("".join(traceback.format_exception(problem))))
            sys.exit(1)
        message, code = explained
        say(f"cutover: {message}")
        sys.exit(code)
    finally:
        # On its way out Python looks for garbage in all that was imported: a quarter of a second, for nothing.
        gc.freeze()


if __name__ == "__main__":
    main()
