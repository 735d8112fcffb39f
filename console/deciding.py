"""Decisions by people: whose token it is, one decision at a time, and what was decided seen into the log."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
import typer

from console.failures import WrongUse
from events import Event, emit, sequence_all
from shadow.barrier import see_logged
from shadow.history import Migration, migration

if TYPE_CHECKING:
    from console.wiring import System

TOKEN = "CUTOVER_TOKEN"  # noqa: S105 - the variable's name
LONGEST_WHY = 2000
_LOCK = 0x7374616765  # "stage"


def token() -> str:
    """The token of whoever decides, from the environment or typed unseen; never an argument, which others can see."""
    if given := os.environ.get(TOKEN, "").strip():
        return given
    if not sys.stdin.isatty():
        raise WrongUse(f"{TOKEN} is not set: put your token into it, as `cutover people add` printed it")
    return str(typer.prompt("Your token", hide_input=True, err=True)).strip()


def check_why(why: str) -> None:
    """Refuse what the log could not hold, before anything is changed."""
    if not why.strip():
        raise WrongUse("say with --why what the decision rests on; it goes into the log")
    if len(why) > LONGEST_WHY:
        raise WrongUse(f"--why has {len(why):,} characters; expected at most {LONGEST_WHY:,}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless told not to. Ends the command with exit code 1 when the answer is no."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


@contextmanager
def deciding(system: "System") -> Iterator[Migration]:
    """The migration as it stands, with everything that was told in the log, while nobody else decides.

    Nobody is asked anything meanwhile: others would wait for the answer. Ask first, and look once more in here.
    """
    with system.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as held:
        held.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            yield caught_up(system)
        finally:
            held.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def caught_up(system: "System") -> Migration:
    """The migration as it stands, with everything that was told so far in the log."""
    sequence_all(system.engine, system.partitions)
    with system.engine.connect() as connection:
        return migration(connection)


def tell(system: "System", *events: Event) -> None:
    """Emit these and see them into the log. Raises NotSequenced."""
    with system.engine.begin() as connection:
        emit(connection, *events)
    for event in events:
        see_logged(system.engine, event.event_id, system.partitions)
