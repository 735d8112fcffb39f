"""What a person sees: progress on stderr (a bar on a terminal, lines elsewhere), tables and JSON on stdout."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# Whoever reads a pipe wants whole words, however long the line.
out = Console(highlight=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

Advance = Callable[[int], None]


class Begin(Protocol):
    """Begins a step."""

    def __call__(self, what: str, total: int | None = None) -> Advance: ...


def say(message: str) -> None:
    """A line for the person, on stderr."""
    err.print(message, markup=False)


def print_json(data: object) -> None:
    """The data, on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")


def print_table(title: str, columns: list[str], rows: list[list[str]], *, numbers_from: int = 1) -> None:
    """A table on stdout; columns from `numbers_from` on are set to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    last = len(columns) - 1
    for number, column in enumerate(columns):
        right = number >= numbers_from
        # Nothing is cut off: where a terminal is too narrow, words of the last column go on in the next line.
        table.add_column(column, justify="right" if right else "left", no_wrap=right or number < last, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    wide = max(out.width, _needed(columns, rows))
    Console(highlight=False, emoji=False, soft_wrap=True, width=wide).print(table)


def _needed(columns: list[str], rows: list[list[str]]) -> int:
    """How wide a table is with all but its last column whole, and thirty characters for that one."""
    widths = [max(map(cell_len, column)) + 3 for column in zip(columns, *rows, strict=True)]
    return sum(widths[:-1]) + min(widths[-1], 30)


class Screen:
    """Progress of long work. `quiet` shows nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars = err.is_terminal and not quiet and os.environ.get("TERM") != "dumb"

    def line(self, message: str) -> None:
        """A line that stays."""
        if not self._quiet:
            say(message)

    @contextmanager
    def working(self, what: str, total: int | None = None) -> Iterator[Advance]:
        """Show that `what` is going on; the value takes how much is done so far."""
        with self.steps() as begin:
            yield begin(what, total)

    @contextmanager
    def steps(self) -> Iterator[Begin]:
        """Show one step after the other; the value begins the next one, of which it says what and how much."""
        if not self._bars:
            yield self._begin_line
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as progress:
            yield lambda what, total=None: _begin_bar(progress, what, total)

    def _begin_line(self, what: str, total: int | None = None) -> Advance:  # noqa: ARG002 - there is no bar to fill
        self.line(f"{what} ...")
        return lambda _: None


def _begin_bar(progress: Progress, what: str, total: int | None) -> Advance:
    for task in progress.task_ids:
        progress.remove_task(task)
    task = progress.add_task(what, total=total)
    return lambda done: progress.update(task, completed=done)
