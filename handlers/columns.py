"""Columns: a whole column of values as one text, which costs a driver and a server less than an array of values.

No id, number or moment holds a line break or a tab (see `events.event.IDENTIFIER`).
"""

from collections.abc import Iterable


def column(values: Iterable[str]) -> str:
    """The values, one a line; SQL takes them apart by `string_to_array(:column, E'\\n')`."""
    return "\n".join(values)


def cell(values: Iterable[str]) -> str:
    """Several values in one line of a column; SQL takes them apart by `string_to_array(cell, E'\\t')`."""
    return "\t".join(values)
