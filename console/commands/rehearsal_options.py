"""The options of commands that rehearse: which past, which window of it, and how."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DAY = ["%Y-%m-%d"]

JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
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
