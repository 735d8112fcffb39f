"""A cursor that hands rows out in random order wherever the query does not ask for one: SQL promises no other."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.rows import TupleRow


class _ShuffledCopy:
    """Stands for a COPY that reads: all rows, in random order."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def set_types(self, types: Sequence[int | str]) -> None:
        """As psycopg's."""
        self._copy.set_types(types)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As psycopg's, but for the order."""
        found = list(self._copy.rows())
        random.shuffle(found)
        return iter(found)


class ShuffledCursor(psycopg.Cursor[TupleRow]):
    """Shuffles whatever it reads at once: by iteration, `fetchall` or COPY. Queries that say ORDER BY are left alone.

    Rows that are fetched one at a time or a few at a time come in the order in which the database has them.
    """

    def fetchall(self) -> list[TupleRow]:
        """As psycopg's, but for the order."""
        found = super().fetchall()
        if not self._ordered():
            random.shuffle(found)
        return found

    def __iter__(self) -> Self:
        self._rows = iter(self.fetchall())
        return self

    def __next__(self) -> TupleRow:
        return next(self._rows)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - psycopg's signature
        """As psycopg's, for reading."""
        with super().copy(statement, params, **options) as copy:
            yield copy if "order by" in str(statement).lower() else _ShuffledCopy(copy)

    def _ordered(self) -> bool:
        return b"order by" in (self._query.query.lower() if self._query else b"")


@contextmanager
def shuffled(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """For a while every new cursor of this connection is a ShuffledCursor."""
    before = connection.cursor_factory
    connection.cursor_factory = ShuffledCursor
    try:
        yield
    finally:
        connection.cursor_factory = before
