"""The synthetic catalogue: products by category, when they come and go, and what becomes of names and prices."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from sandbox.shop.actions import Action, AddProduct, ChangeProduct, RetireProduct
from sandbox.shop.period import DAY, HOUR, NEVER, Moments, Numbers, Period, Reals, moment
from sandbox.shop.words import CATEGORIES, COLOURS, FLOURISHES, MATERIALS, MOTIFS

WEEK = 7 * DAY
ODD_ID = 250
"""One product in so many has an id that a URL must encode."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Parallel arrays, one element a product. Product *c* leads category *c*: it is there all the time."""

    ids: npt.NDArray[np.object_]
    category: Numbers
    appeal: Reals
    added: Moments
    retired: Moments
    relisted: Moments
    changes: tuple[tuple[int, int, bool], ...]
    seed: int

    @property
    def categories(self) -> int:
        """How many categories there are."""
        return min(len(self.ids), len(CATEGORIES))

    def on_sale(self, products: Numbers, at: Moments) -> npt.NDArray[np.bool_]:
        """Whether each of `products` can be bought at the corresponding moment."""
        first_time = (self.added[products] <= at) & (at < self.retired[products])
        return np.asarray(first_time | (self.relisted[products] <= at), dtype=np.bool_)

    def actions(self) -> Iterator[Action]:
        """What happens to the catalogue, in order of time."""
        by_product: list[list[tuple[int, bool]]] = [[] for _ in self.ids]
        for product, at, renamed in self.changes:
            by_product[product].append((at, renamed))
        rng = np.random.default_rng(self.seed)
        lives = (self._life(rng, product, sorted(changes)) for product, changes in enumerate(by_product))
        return iter(sorted((action for life in lives for action in life), key=attrgetter("at")))

    def _life(self, rng: np.random.Generator, product: int, changes: list[tuple[int, bool]]) -> Iterator[Action]:
        """One product from its arrival on; changes while it is not sold show when it is sold again."""
        id_ = self.ids[product]
        name, price = _name(rng, int(self.category[product])), _price(rng)
        steps = [(int(self.added[product]), "add"), (int(self.retired[product]), "retire")]
        steps += [(int(self.relisted[product]), "add")]
        steps += [(at, "rename" if renamed else "reprice") for at, renamed in changes]
        for at, step in sorted(steps):
            if step == "add" and at < NEVER:
                yield AddProduct(at=moment(at), product_id=id_, name=name, price=price)
            elif step == "retire" and at < NEVER:
                yield RetireProduct(at=moment(at), product_id=id_)
            elif at < NEVER:
                name, price = (_renamed(rng, name), price) if step == "rename" else (name, _repriced(rng, price))
                if self.on_sale(np.array([product]), np.array([at]))[0]:
                    yield ChangeProduct(at=moment(at), product_id=id_, name=name, price=price)


def draw_catalogue(rng: np.random.Generator, products: int, period: Period) -> Catalogue:
    """A catalogue of so many products: most are there from the start, some arrive, retire, return or change."""
    leaders = min(products, len(CATEGORIES))
    category = rng.integers(0, max(leaders, 1), products)
    category[:leaders] = np.arange(leaders)
    added, retired, relisted = _lifetimes(rng, products, leaders, period)
    return Catalogue(
        ids=np.array([_id(number) for number in range(1, products + 1)], dtype=object),
        category=category,
        appeal=_appeal(category),
        added=added,
        retired=retired,
        relisted=relisted,
        changes=_changes(rng, added, period),
        seed=int(rng.integers(2**63)),
    )


def _lifetimes(
    rng: np.random.Generator, products: int, leaders: int, period: Period
) -> tuple[Moments, Moments, Moments]:
    length = period.until - period.start
    never = np.full(products, NEVER)
    arrives = rng.random(products) < 0.2
    retires = rng.random(products) < 0.12
    returns = rng.random(products) < 0.2
    arrives[:leaders] = retires[:leaders] = False
    added = np.where(arrives, period.start + (rng.random(products) * length).astype(np.int64), period.start)
    retired = added + 2 * WEEK + (rng.random(products) * length).astype(np.int64)
    retired = np.where(retires & (retired < period.until), retired, never)
    relisted = np.minimum(retired, period.until) + 3 * WEEK + (rng.random(products) * 12 * WEEK).astype(np.int64)
    relisted = np.where(returns & (relisted < period.until), relisted, never)
    return added, retired, relisted


def _appeal(category: Numbers) -> Reals:
    """Zipf-like: a product's weight falls with its rank in its category, a category's with its rank among them."""
    by_category = np.argsort(category, kind="stable")
    starts = np.searchsorted(category[by_category], category)
    rank = np.empty(len(category))
    rank[by_category] = np.arange(len(category))
    return np.asarray((rank - starts + 3.0) ** -0.9 * (category + 4.0) ** -0.5)


def _changes(rng: np.random.Generator, added: Moments, period: Period) -> tuple[tuple[int, int, bool], ...]:
    """(product, moment, whether it is its name that changes) for every change, at full hours."""
    repriced = np.repeat(np.arange(len(added)), rng.poisson(0.4, len(added)))
    renamed = np.flatnonzero(rng.random(len(added)) < 0.08)
    product = np.concatenate([repriced, renamed])
    share = rng.random(len(product))
    at = (added[product] + share * (period.until - added[product])).astype(np.int64) // HOUR * HOUR
    of_name = np.arange(len(product)) >= len(repriced)
    later = at > added[product]
    return tuple(zip(product[later].tolist(), at[later].tolist(), of_name[later].tolist(), strict=True))


def _id(number: int) -> str:
    return f"p{number:05d}" if number % ODD_ID else f"p{number:05d}/50% é"


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def _name(rng: np.random.Generator, category: int) -> str:
    thing = _pick(rng, CATEGORIES[category])
    flourish = _pick(rng, FLOURISHES) if rng.random() < 0.01 else ""
    return f"{_pick(rng, MATERIALS)} {_pick(rng, MOTIFS)} {thing} {_pick(rng, COLOURS)}{flourish}"


def _renamed(rng: np.random.Generator, name: str) -> str:
    changed = (f"Vintage {name}", f"{name} Small", f"{name} {_pick(rng, COLOURS)}", f"Set of 3 {name}")
    return _pick(rng, changed)


def _price(rng: np.random.Generator) -> int:
    return max(20, round(rng.lognormal(6.0, 0.8) / 5) * 5)


def _repriced(rng: np.random.Generator, price: int) -> int:
    return max(5, round(price * rng.uniform(0.7, 1.35) / 5) * 5) + 4
