"""The frozen batch: orders again what runs short in the warehouse. It knows its tables and nothing else of ours."""

from typing import Protocol

import psycopg

PACKS = (12, 6, 1)
TARGET = 20
SHORT = 5

_ARTICLES = """
    SELECT a.article, a.gone, coalesce(sum(m.pieces), 0)::int AS on_hand
    FROM warehouse.articles a LEFT JOIN warehouse.movements m USING (article)
    GROUP BY a.article, a.gone ORDER BY a.article
"""


class Clerk(Protocol):
    """Who is told what to order."""

    def order(self, article: str, pieces: int, packs: list[tuple[int, int]]) -> None:
        """Order so many pieces, in so many packs of each size."""

    def leave(self, article: str, why: str) -> None:
        """Order nothing."""


def run(connection: psycopg.Connection, clerk: Clerk) -> None:
    """Look at every article once."""
    for article, gone, on_hand in connection.execute(_ARTICLES).fetchall():
        if gone:
            clerk.leave(article, "gone")
        elif on_hand >= SHORT:
            clerk.leave(article, "enough")
        else:
            pieces = TARGET - on_hand
            packs = []
            left = pieces
            for size in PACKS:
                if left // size:
                    packs.append((size, left // size))
                left %= size
            clerk.order(article, pieces, packs)
