"""Standing in: a substitute in the place of a function or a statement of the product, and proof that it was used."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa


class NeverUsed(Exception):
    """The product did without what was put in a substitute's place: with it nothing was switched off."""


@contextmanager
def instead_of(owner: object, name: str, substitute: Any) -> Iterator[None]:  # noqa: ANN401
    """`owner.name` is the substitute. AttributeError if there is none, NeverUsed in the end if nobody used it."""
    uses: list[str] = []
    watched = (
        _watched_statement(substitute, uses)
        if isinstance(substitute, sa.TextClause)
        else _watched_function(substitute, uses)
    )
    with patch.object(owner, name, watched):
        yield
    if not uses:
        raise NeverUsed(f"{owner!r} made no use of {name}: the substitute does not bite")


def replaced(text: str, piece: str, other: str) -> str:
    """The text with another piece in the place of one that must occur exactly once."""
    if text.count(piece) != 1:
        raise ValueError(f"{piece!r} occurs {text.count(piece)} times in {text}; expected exactly once")
    return text.replace(piece, other)


def _watched_function(substitute: Callable[..., Any], uses: list[str]) -> Callable[..., Any]:
    def watched(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        uses.append("called")
        return substitute(*arguments, **options)

    return watched


def _watched_statement(substitute: sa.TextClause, uses: list[str]) -> sa.TextClause:
    execute = substitute._execute_on_connection

    def watched(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        uses.append("executed")
        return execute(*arguments, **options)

    substitute._execute_on_connection = watched  # type: ignore[method-assign]
    return substitute
