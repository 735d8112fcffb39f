"""Taste: what a user's purchases say about them, as a pure function computed in one canonical order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

HISTORY = timedelta(weeks=52)
HALF_LIFE_MICROSECONDS = timedelta(weeks=12) // timedelta(microseconds=1)
SHORTEST = 1e-9
CHUNK = 64
"""Users at a time: what their purchases say then fits into the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Histories:
    """The counting purchases of some users: by user, then by time, order id, product id.

    `starts` (u,) says where each user's purchases begin; `products` (n,) are catalogue rows, -1 for products the
    catalogue does not know; `placed_at` (n,) microseconds since 1970.
    """

    users: Sequence[str]
    starts: NDArray[np.int64]
    products: NDArray[np.int64]
    placed_at: NDArray[np.int64]

    def bought(self, user: int) -> NDArray[np.int64]:
        """Catalogue rows of what the user of this number bought; may repeat."""
        end = self.starts[user + 1] if user + 1 < len(self.starts) else len(self.products)
        return self.products[self.starts[user] : end]


def directions(
    histories: Histories, vectors: NDArray[np.float64], half_life: int | None = HALF_LIFE_MICROSECONDS
) -> NDArray[np.float64]:
    """Each user's taste at length 1, shape (u, d); zeros where the taste is shorter than 1e-9.

    A purchase weighs half as much for every 12 weeks (or `half_life` microseconds; None: as much at any age) that it
    is older than the user's latest one. (Any other reference time gives the same direction; this one depends on
    nothing but the purchases.) `vectors` (p, d) are the taste vectors by catalogue row. What a user gets does not
    depend on who else is in `histories`.
    """
    if not len(histories.users) or not len(vectors):
        return np.zeros((len(histories.users), vectors.shape[1]))
    latest = np.maximum.reduceat(histories.placed_at, histories.starts)
    ends = np.append(histories.starts, len(histories.products))
    age = np.repeat(latest, np.diff(ends)) - histories.placed_at
    weights = np.exp2(-(age / half_life)) if half_life else np.ones(len(age))
    known = histories.products >= 0
    rows, weights = np.where(known, histories.products, 0), np.where(known, weights, 0.0)
    tastes = np.empty((len(histories.users), vectors.shape[1]))
    for first in range(0, len(tastes), CHUNK):
        starts = ends[first : first + CHUNK]
        said = slice(starts[0], ends[min(first + CHUNK, len(tastes))])
        tastes[first : first + CHUNK] = np.add.reduceat(
            vectors[rows[said]] * weights[said, None], starts[: len(tastes) - first] - starts[0], axis=0
        )
    lengths = np.sqrt(np.sum(tastes * tastes, axis=1))
    long_enough = lengths >= SHORTEST
    return np.where(long_enough[:, None], tastes / np.where(long_enough, lengths, 1.0)[:, None], 0.0)
