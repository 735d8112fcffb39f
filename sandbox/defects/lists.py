"""Lists that are wrong: substitutes for the ranker."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handlers.catalogue import CatalogueView
from handlers.ranking import LIST_LENGTH, Ranked, best, rank, rounded

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

COARSE = 1e3
MARGIN = 2e-3
"""More than coarse rounding and the errors of a matrix product together can lift a score."""


def ties_reversed(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """The best five by score, equal ones by product id, both descending."""
    return [_best_reversed(ids, rounded(scores)) for ids, scores in _contenders(catalogue, directions, bought)]


def _best_reversed(product_ids: Sequence[str], scores: Floats) -> Ranked:
    pairs = sorted(zip(scores.tolist(), product_ids, strict=True), reverse=True)[:LIST_LENGTH]
    return Ranked([product_id for _, product_id in pairs], [score for score, _ in pairs])


def coarsely_rounded(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """The best five by scores of three decimals."""
    contenders = _contenders(catalogue, directions, bought)
    return [best(ids, np.rint(scores * COARSE) / COARSE + 0.0) for ids, scores in contenders]


def _contenders(
    catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]
) -> Iterator[tuple[list[str], Floats]]:
    """For each user every candidate that could be among the best five, with its score as it is before rounding."""
    for direction, rows in zip(directions, bought, strict=True):
        allowed = catalogue.active.copy()
        allowed[rows[rows >= 0]] = False
        about = np.where(allowed, catalogue.match @ direction, -np.inf)
        fifth = np.partition(about, -LIST_LENGTH)[-LIST_LENGTH] if len(about) >= LIST_LENGTH else -np.inf
        found = np.flatnonzero(allowed & (about >= fifth - MARGIN))
        yield [catalogue.ids[row] for row in found.tolist()], np.sum(catalogue.match[found] * direction, axis=-1)


def bought_kept(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """The best five of all products, bought or not."""
    nothing = np.zeros(0, dtype=np.int64)
    return rank(catalogue, directions, [nothing for _ in bought])


def truncated(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """The best four."""
    return [_picked(ranked, (0, 1, 2, 3)) for ranked in rank(catalogue, directions, bought)]


def first_twice(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """The best, once more the best, and then the second to the fourth."""
    return [_picked(ranked, (0, 0, 1, 2, 3)) for ranked in rank(catalogue, directions, bought)]


def _picked(ranked: Ranked, places: Sequence[int]) -> Ranked:
    places = [place for place in places if place < len(ranked.scores)]
    return replace(
        ranked,
        product_ids=[ranked.product_ids[place] for place in places],
        scores=[ranked.scores[place] for place in places],
    )


def half_precision(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    """Lists from tastes rounded to half precision."""
    return rank(catalogue, directions.astype(np.float16).astype(np.float64), bought)
