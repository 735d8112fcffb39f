"""Ranking: the five best products of a user, exactly, by way of a faiss shortlist and a proof that it suffices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlers.catalogue import CatalogueView

LIST_LENGTH = 5
FLOAT32_ERROR = 1e-5
"""More than any error of a single-precision inner product of two vectors of length 1 and 128 dimensions:
(128 + 2) · 2⁻²⁴ (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1)."""
ROUNDING = 5e-7
SMALLEST_SHORTLIST = 32
CHUNK = 512

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A list: product ids, best first, with their scores rounded to 6 decimals."""

    product_ids: list[str]
    scores: list[float]


def rounded(scores: Floats) -> Floats:
    """Scores to 6 decimals, as docs/rule.md rounds them; negative zero becomes zero."""
    return np.rint(scores * 1e6) / 1e6 + 0.0


def exact_scores(direction: Floats, vectors: Floats) -> Floats:
    """Rounded inner products of `direction` (..., d) with `vectors` (..., k, d), in double precision.

    Multiplied and added up row by row: the result for a pair never depends on what else is scored beside it, which a
    matrix product does not promise.
    """
    return rounded(np.sum(vectors * direction[..., None, :], axis=-1))


def best(product_ids: Sequence[str], scores: Floats) -> Ranked:
    """The best five of these candidates: by score, descending, then by product id."""
    top = sorted(zip((-scores).tolist(), product_ids, strict=True))[:LIST_LENGTH]
    return Ranked([product_id for _, product_id in top], [0.0 - negative for negative, _ in top])


def rank(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """The list of each user: `directions` (u, d) of length 1, and the catalogue rows each of them bought."""
    lists: list[Ranked | None] = [None] * len(bought)
    open_users = np.arange(len(bought))
    sizes = _shortlist_sizes(bought)
    while len(open_users):
        for users, size in _groups(open_users, sizes, catalogue):
            for user, ranked in zip(
                users, _attempt(catalogue, directions[users], [bought[u] for u in users], size), strict=True
            ):
                lists[user] = ranked
        open_users = np.array([user for user in open_users if lists[user] is None], dtype=np.int64)
        sizes = sizes * 4
    return [ranked for ranked in lists if ranked is not None]


def _shortlist_sizes(bought: Sequence[Rows]) -> NDArray[np.int64]:
    """Room for the list and for everything bought, up to the next power of two, so that users share searches."""
    needed = np.array([len(rows) + 2 * LIST_LENGTH for rows in bought], dtype=np.int64)
    return np.maximum(SMALLEST_SHORTLIST, 2 ** np.ceil(np.log2(np.maximum(needed, 1))).astype(np.int64))


def _groups(users: Rows, sizes: NDArray[np.int64], catalogue: CatalogueView) -> Iterator[tuple[Rows, int]]:
    """Users who need a shortlist of the same size, in chunks whose vectors fit into the processor's cache."""
    capped = np.minimum(sizes[users], catalogue.indexed)
    for size in np.unique(capped):
        of_size = users[capped == size]
        chunk = max(1, CHUNK * SMALLEST_SHORTLIST // max(int(size) + len(catalogue.overridden), 1))
        for start in range(0, len(of_size), chunk):
            yield of_size[start : start + chunk], int(size)


def _attempt(
    catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows], size: int
) -> Iterator[Ranked | None]:
    """Each user's list from a shortlist of `size`; None where it does not prove that nothing better lies outside."""
    complete = size >= catalogue.indexed
    found, about = catalogue.shortlist(directions, size)
    outside = np.full(len(found), -np.inf) if complete else about[:, size - 1]
    allowed = (found >= 0) & catalogue.active[found] & ~_bought(found, bought, len(catalogue.ids))
    found, about = _most_promising(found, np.where(allowed, about, -np.inf), found.shape[1] if complete else size // 4)
    outside = np.maximum(outside, about[:, -1])
    found, allowed = found[:, :-1], about[:, :-1] > -np.inf
    scores = exact_scores(directions, catalogue.match[found])
    best_first = np.lexsort((catalogue.places[found], -scores, ~allowed))[:, :LIST_LENGTH]
    lengths = np.minimum(np.count_nonzero(allowed, axis=1), LIST_LENGTH).tolist()
    rows = np.take_along_axis(found, best_first, axis=1).tolist()
    listed = np.take_along_axis(scores, best_first, axis=1).tolist()
    for of_user, row_scores, left_out, length in zip(rows, listed, outside.tolist(), lengths, strict=True):
        nothing_left_out = left_out == -np.inf
        if nothing_left_out or (length == LIST_LENGTH and row_scores[-1] > left_out + FLOAT32_ERROR + ROUNDING):
            yield Ranked([catalogue.ids[row] for row in of_user[:length]], row_scores[:length])
        else:
            yield None


def _most_promising(found: Rows, about: Floats, count: int) -> tuple[Rows, Floats]:
    """The `count` candidates of each user that score most in single precision, and behind them the next one.

    Where there is none, its score is -inf. Only these are worth a score in double precision.
    """
    found = np.hstack([found, np.full((len(found), 1), -1)])
    about = np.hstack([about, np.full((len(found), 1), -np.inf)])
    order = np.argsort(-about, axis=1, kind="stable")[:, : count + 1]
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(about, order, axis=1)


def _bought(found: Rows, bought: Sequence[Rows], products: int) -> NDArray[np.bool_]:
    """Which of the rows `found` (u, k) their user bought."""
    first_of_user = np.arange(len(found)) * (products + 1)
    theirs = np.concatenate(bought) + np.repeat(first_of_user, [len(rows) for rows in bought])
    return np.isin(found + first_of_user[:, None], theirs)
