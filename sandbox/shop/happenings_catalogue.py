"""Happenings in the catalogue: popular products are retired over a run, renamed, repriced, or get twins by name."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sandbox.shop.actions import Action, AddProduct, ChangeProduct, RetireProduct
from sandbox.shop.chance import Chance
from sandbox.shop.happened import Happened, ProductLife

POPULAR = 40
"""So many of the most popular products share four fates."""
RETIRED_BEFORE = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)
TWINS = ("a", "b")

Fate = Callable[[Happened, Chance, str, datetime, Sequence[datetime]], Iterator[Action]]


def catalogue_happenings(
    happened: Happened, chance: Chance, start: datetime, runs: Sequence[datetime]
) -> Iterator[Action]:
    """What becomes of popular products from `start` up to the last run; every product has one fate at most."""
    popular = happened.by_popularity[:POPULAR]
    drawn = sorted(popular, key=lambda product_id: chance.share("fate", product_id))
    for number, product_id in enumerate(drawn):
        fate = FATES[number % len(FATES)]
        yield from fate(happened, chance, product_id, start, runs)


def _retired(
    happened: Happened, chance: Chance, product_id: str, start: datetime, runs: Sequence[datetime]
) -> Iterator[Action]:
    """Retired before a run in whose neighbourhood nobody needs it, and sold again when it is needed next."""
    life = happened.products[product_id]
    for run in sorted(runs, key=lambda run: chance.share(f"retired over {run.isoformat()}", product_id)):
        last, needed = life.last_use(run), life.next_use(run)
        at = max(start, run - RETIRED_BEFORE, last + MOMENT if last else start)
        offer = life.offered(at)
        if offer is None or at >= run or (needed and needed - MOMENT <= run):
            continue
        yield RetireProduct(at=at, product_id=product_id)
        if needed:
            yield AddProduct(at=needed - MOMENT, product_id=product_id, name=offer.name, price=offer.price)
        return


def _renamed(
    happened: Happened, chance: Chance, product_id: str, start: datetime, runs: Sequence[datetime]
) -> Iterator[Action]:
    if at := _moment(happened.products[product_id], chance, product_id, start, runs):
        offer = happened.products[product_id].offered(at)
        if offer:
            yield ChangeProduct(at=at, product_id=product_id, name=f"Vintage {offer.name}", price=offer.price)


def _repriced(
    happened: Happened, chance: Chance, product_id: str, start: datetime, runs: Sequence[datetime]
) -> Iterator[Action]:
    if at := _moment(happened.products[product_id], chance, product_id, start, runs):
        offer = happened.products[product_id].offered(at)
        if offer:
            yield ChangeProduct(at=at, product_id=product_id, name=offer.name, price=offer.price + 10)


def _joined_by_twins(
    happened: Happened, chance: Chance, product_id: str, start: datetime, runs: Sequence[datetime]
) -> Iterator[Action]:
    """Two new products of the same name score the same as the old one, and as each other, for everybody."""
    if at := _moment(happened.products[product_id], chance, product_id, start, runs):
        offer = happened.products[product_id].offered(at)
        twins = [f"{product_id}-{letter}" for letter in TWINS]
        if offer and happened.products.keys().isdisjoint(twins):
            for twin in twins:
                yield AddProduct(at=at, product_id=twin, name=offer.name, price=offer.price)


def _moment(
    life: ProductLife, chance: Chance, product_id: str, start: datetime, runs: Sequence[datetime]
) -> datetime | None:
    """A time between the first run and the last, after which the history lets the product be until the last run.

    With a single run, a time before it. None when the product is not on sale.
    """
    begin = runs[0] if len(runs) > 1 else start
    changed = [change.at for change in life.changes if change.at < runs[-1]]
    since = max(begin, changed[-1] if changed else begin) + MOMENT
    return chance.between("changes at", product_id, since, runs[-1]) if since < runs[-1] else None


FATES: Sequence[Fate] = (_retired, _renamed, _repriced, _joined_by_twins)
