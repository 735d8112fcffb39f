"""What a move must know of stored reports, as functions that are handed in."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from reconcile.judgement import Judgement


@dataclass(frozen=True, kw_only=True)
class Reports:
    """`judgement` gives the figures of the report with this digest, of which 12 characters or more are enough where no
    other begins like that; it raises UnknownReport. `newest` is None when there is no report. `doubts` says in
    sentences why a report's evidence is no longer true; empty while it is.
    """

    judgement: Callable[[sa.Connection, str], Judgement]
    newest: Callable[[sa.Connection], Judgement | None]
    doubts: Callable[[sa.Connection, Judgement], tuple[str, ...]]
