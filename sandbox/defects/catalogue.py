"""The catalogue of defects by name, and the parts they put in the place of the right ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handlers.catalogue import CatalogueView
from handlers.composition import Email, Offer, compose
from handlers.ranking import Ranked, rank
from handlers.subscriptions import Parts

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One way to be wrong: what it does, and the parts that do it."""

    what: str
    parts: Parts


class UnknownDefect(Exception):
    """The catalogue has no such defect."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown defect {name!r}; expected one of: {', '.join(CATALOGUE)}")


def defect(name: str) -> Defect:
    """The defect of this name. Raises UnknownDefect."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise UnknownDefect(name) from None


def _ties_reversed(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    return [_by_descending_id(ranked) for ranked in rank(catalogue, directions, bought)]


def _by_descending_id(ranked: Ranked) -> Ranked:
    pairs = sorted(zip(ranked.scores, ranked.product_ids, strict=True), reverse=True)
    return Ranked([product_id for _, product_id in pairs], [score for score, _ in pairs])


def _bought_kept(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    nothing = np.zeros(0, dtype=np.int64)
    return rank(catalogue, directions, [nothing for _ in bought])


def _truncated(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    return [
        replace(ranked, product_ids=ranked.product_ids[:4], scores=ranked.scores[:4])
        for ranked in rank(catalogue, directions, bought)
    ]


def _half_precision(catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
    return rank(catalogue, directions.astype(np.float16).astype(np.float64), bought)


def _user_id_as_name(user_id: str, _name: str, offers: Sequence[Offer], personal: bool) -> Email:
    return compose(user_id, user_id, offers, personal=personal)


CATALOGUE: Mapping[str, Defect] = {
    "tie_order": Defect(what="equal scores are listed by descending product id", parts=Parts(rank=_ties_reversed)),
    "bought_products_kept": Defect(
        what="products the user has bought already are recommended again", parts=Parts(rank=_bought_kept)
    ),
    "truncated_list": Defect(what="lists end after the fourth product", parts=Parts(rank=_truncated)),
    "half_precision": Defect(what="tastes are rounded to half precision", parts=Parts(rank=_half_precision)),
    "template_variable_swapped": Defect(
        what="the e-mail greets the user by their id", parts=Parts(compose=_user_id_as_name)
    ),
}
