"""Lists for a replay: every product scored for every user, by the rule or a changed one. No index, no shortlist."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from events import Event, Line, OrderPlaced
from handlers.popularity import orders_by_product
from handlers.ranking import exact_scores, rounded
from handlers.replay.rule import Rule
from handlers.replay.shelf import Shelf
from handlers.replay.standing import Purchase
from handlers.taste import SHORTEST, Histories, directions

Floats = NDArray[np.float64]
Listing = tuple[tuple[str, float], ...]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PIECES = 10_000
MICROSECOND = timedelta(microseconds=1)


def tastes(shelf: Shelf, purchases: Sequence[Sequence[Purchase]], rule: Rule) -> Floats:
    """Each user's direction, (u, 128), of length 1; zeros for a user without taste."""
    found = np.zeros((len(purchases), shelf.taste.shape[1]))
    buyers = [number for number, each in enumerate(purchases) if each]
    if not buyers or not shelf.ids:
        return found
    lines = [(number, each) for number in buyers for each in purchases[number] for _ in range(_weight(each, rule))]
    owners = np.array([number for number, _ in lines])
    histories = Histories(
        users=[str(number) for number in buyers],
        starts=np.flatnonzero(np.diff(owners, prepend=-1)),
        products=np.array([shelf.row_of.get(each.product_id, -1) for _, each in lines], dtype=np.int64),
        placed_at=np.array([(each.placed_at - EPOCH) // MICROSECOND for _, each in lines], dtype=np.int64),
    )
    half_life = rule.half_life // MICROSECOND if rule.half_life else None
    found[buyers] = directions(histories, shelf.taste, half_life=half_life)
    return found.astype(np.float16).astype(np.float64) if rule.half_precision else found


def _weight(purchase: Purchase, rule: Rule) -> int:
    return min(purchase.pieces, MOST_PIECES) if rule.pieces_weigh else 1


def has_taste(direction: Floats) -> bool:
    """Whether there is a direction at all."""
    return bool(np.sum(direction * direction) >= SHORTEST)


def personal_list(shelf: Shelf, direction: Floats, bought: Iterable[str], rule: Rule) -> Listing:
    """The best products for one direction, best first, with their scores."""
    allowed = shelf.active.copy()
    if rule.bought_left_out:
        allowed[[shelf.row_of[each] for each in bought if each in shelf.row_of]] = False
    rows = np.flatnonzero(allowed)
    rough = shelf.match[rows] @ direction
    step = 10.0 ** -(rule.decimals or 12)
    if len(rows) > rule.length:
        fifth = np.partition(rough, -rule.length)[-rule.length]
        rows = rows[rough >= fifth - 2 * step - 1e-9]
    scores = _scores(direction, shelf.match[rows], rule)
    return _shaped(_ordered(((shelf.ids[row], score) for row, score in zip(rows, scores, strict=True)), rule), rule)


def _scores(direction: Floats, vectors: Floats, rule: Rule) -> list[float]:
    exact = exact_scores(direction, vectors)
    if rule.decimals == 6:
        return [float(score) for score in exact]
    raw = np.sum(vectors * direction, axis=-1)
    if rule.decimals is None:
        return [float(score) for score in raw]
    unit = 10.0**rule.decimals
    return [float(score) for score in np.rint(raw * unit) / unit + 0.0]


def _ordered(candidates: Iterable[tuple[str, float]], rule: Rule) -> Listing:
    """By score, descending; equal ones by id."""
    by_id = sorted(candidates, key=lambda item: item[0], reverse=rule.ties == "descending")
    return tuple(sorted(by_id, key=lambda item: -item[1]))


def _shaped(best_first: Listing, rule: Rule) -> Listing:
    listed = best_first[: rule.length]
    if rule.ties == "descending in the list":
        listed = _ordered(listed, replace(rule, ties="descending"))
    if rule.decimals is None:
        listed = tuple((product_id, float(rounded(np.array(score)))) for product_id, score in listed)
    return (listed[0], *listed[: rule.length - 1]) if rule.repeat_first and listed else listed


def order_counts(sold: Iterable[Event], rule: Rule, since: datetime) -> Counter[str]:
    """How many orders since then each product is in."""
    told = (event for event in sold if event.type not in rule.ignored and event.occurred_at >= since)
    return orders_by_product(_folded(event, rule.orders_fold) for event in told)


def _folded(event: Event, times: int) -> Event:
    """An order as it counts when it is folded so many times: with so many times the pieces."""
    if times == 1 or not isinstance(event, OrderPlaced):
        return event
    lines = tuple(Line(line.product_id, line.quantity * times) for line in event.lines)
    return msgspec.structs.replace(event, lines=lines)


def popular_first(shelf: Shelf, counts: Counter[str], rule: Rule) -> Listing:
    """Every active product with a count, most popular first."""
    sold = (
        (product_id, float(count))
        for product_id, count in counts.items()
        if product_id in shelf.row_of and shelf.active[shelf.row_of[product_id]]
    )
    return _ordered(sold, rule)


def popular_list(popular: Listing, bought: Iterable[str], rule: Rule) -> Listing:
    """What is popular, for a user who bought these."""
    if not rule.fallback:
        return ()
    left_out = set(bought) if rule.bought_left_out else set()
    return _shaped(tuple(item for item in popular if item[0] not in left_out), rule)
