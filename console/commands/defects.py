"""`defects`: the ways either path can be broken on purpose, and what rehearsing each of them comes to."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import JsonOption
from console.commands.rehearsal_options import (
    MappingOption,
    NightsOption,
    OrdersOption,
    ProductsOption,
    SeedOption,
    StartOption,
    UntilOption,
    UsersOption,
    WorkersOption,
)
from console.failures import Exit, WrongUse
from console.screen import Screen, print_json, print_table
from sandbox.defects import CATALOGUE, defect

if TYPE_CHECKING:
    from console.defect_rows import DefectRow
    from console.past import Past


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(defects)


def defects(
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Rehearse each of them in turn, and first without any.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Only these, as names with commas between. Then none is rehearsed without any.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write what the rehearsals came to as a table into this file.")
    ] = None,
    orders: OrdersOption = None,
    mapping: MappingOption = None,
    products: ProductsOption = None,
    start: StartOption = None,
    until: UntilOption = None,
    nights: NightsOption = 7,
    users: UsersOption = 600,
    seed: SeedOption = 7,
    workers: WorkersOption = 2,
    json: JsonOption = False,
) -> None:
    """List the defects that can be injected, and see whether each of them is noticed.

    `cutover rehearse --defect NAME` injects one. With --rehearse all are rehearsed on the same past, with happenings
    added as by `rehearse --enliven`; the other options say which past. Exit code 1 when a defect goes unnoticed, or
    when something is found where nothing was broken.
    """
    names = _names(only)
    if not rehearse:
        if markdown or orders:
            raise WrongUse("--markdown and --orders are about rehearsals: give --rehearse too")
        _list(names, json)
        return
    from console.past import Given, past_of

    screen = Screen(quiet=json)
    if markdown and not markdown.parent.is_dir():
        raise WrongUse(f"--markdown {markdown}: there is no directory {markdown.parent}")
    given = Given(
        orders=orders,
        mapping=mapping,
        products=products,
        start=start,
        until=until,
        nights=nights,
        users=users,
        seed=seed,
        enliven=True,
    )
    rows = _rehearsed(past_of(given, screen), names if only else [None, *names], markdown, screen, workers)
    _show(rows, json)
    raise typer.Exit(Exit.GOOD if all(row.as_expected for row in rows) else Exit.NO)


def _names(only: str | None) -> list[str]:
    """Raises UnknownDefect."""
    names = [name.strip() for name in only.split(",")] if only else list(CATALOGUE)
    for name in names:
        defect(name)
    return names


def _list(names: Sequence[str], json: bool) -> None:
    found = [(name, CATALOGUE[name]) for name in names]
    if json:
        print_json([{"name": name, "path": each.path, "what": each.what, "cause": each.cause} for name, each in found])
        return
    rows = [[name, each.path, each.what, each.cause] for name, each in found]
    print_table("", ["name", "path", "what", "cause"], rows, numbers_from=4)


def _rehearsed(
    past: "Past", names: Sequence[str | None], file: Path | None, screen: Screen, workers: int
) -> "list[DefectRow]":
    """The rows; the file holds those that are there already, should the others never come."""
    from console.defect_rows import markdown as as_markdown
    from console.rehearsing import rehearse_defects

    rows: list[DefectRow] = []
    for row in rehearse_defects(past, names, screen=screen, workers=workers):
        rows.append(row)
        if file:
            file.write_text(as_markdown(rows), "utf-8")
    return rows


def _show(rows: "Sequence[DefectRow]", json: bool) -> None:
    from console.defect_rows import COLUMNS, cells

    if json:
        print_json([asdict(row) for row in rows])
    else:
        print_table("", list(COLUMNS), [cells(row) for row in rows], numbers_from=len(COLUMNS) - 1)
