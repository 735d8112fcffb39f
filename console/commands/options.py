"""The options that many commands share: each has one name and one wording."""

from typing import Annotated, TypeAlias

import typer

JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DatabaseOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Another database on the same server, such as 'cutover_rehearsal' or 'cutover_demo'."),
]
DryRunOption: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and write nothing.")]
YesOption: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
WhyOption: TypeAlias = Annotated[str, typer.Option(help="What the decision rests on; it goes into the log.")]
PercentOption: TypeAlias = Annotated[float | None, typer.Option(help="Of a canary: the share of users, over 0 to 100.")]
