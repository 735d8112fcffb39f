"""The options of commands that rehearse: which past, which window of it, and how."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DAY = ["%Y-%m-%d"]

OrdersOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Order lines as CSV or Parquet, gzip or plain. Without it: a synthetic shop.")
]
MappingOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Names of the columns, e.g. 'order_id=Order,product_id=SKU'. Default: Online Retail's."),
]
ProductsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Pattern (regular expression) of the codes that are products. Default: Online Retail's."),
]
StartOption: TypeAlias = Annotated[
    datetime | None,
    typer.Option("--from", formats=DAY, help="First day replayed event by event; history before it is backfilled."),
]
UntilOption: TypeAlias = Annotated[
    datetime | None, typer.Option("--until", formats=DAY, help="The day after the last one. Default: end of data.")
]
NightsOption: TypeAlias = Annotated[int, typer.Option(help="Daily runs on so many nights at the end.", min=0, max=366)]
UsersOption: TypeAlias = Annotated[int, typer.Option(help="Customers of the synthetic shop.", min=10, max=1_000_000)]
SeedOption: TypeAlias = Annotated[int, typer.Option(help="Another number, another synthetic shop.")]
WorkersOption: TypeAlias = Annotated[int, typer.Option(help="Celery worker processes.", min=1, max=64)]
EnlivenOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--enliven",
        help="Add what the past lacks, so that every rule is exercised: users who unsubscribe and come back, "
        "cancelled orders, products that are retired, renamed, repriced or added, orders while a run is going on.",
    ),
]
DefectOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Break one path on purpose and see that it is noticed: a name such as tie_order. `cutover defects` "
        "lists them all. Implies --enliven."
    ),
]
MigrationOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--migration",
        help="Rehearse the whole migration: a shadow week, canaries of 5 % and 25 %, a rollback drill, everybody, "
        "retirement; with reports, sign-offs and stage gates, delivering to a stand-in. Takes the last five weeks.",
    ),
]
ReportOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Directory for report.html and report.json. Default: below .cutover/.")
]
