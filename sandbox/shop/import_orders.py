"""Sale lines become orders, and cancellation lines become returns of the pieces bought last."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from sandbox.shop.actions import PlaceOrder, ReturnItems
from sandbox.shop.import_lines import OrderLine
from sandbox.shop.import_sieve import Reason


def orders_of(sales: Iterable[OrderLine]) -> list[PlaceOrder]:
    """One order for all lines with its id, placed at the earliest of them; lines for the same product are merged."""
    orders = []
    for order_id, lines in _documents(sales).items():
        pieces: Counter[str] = Counter()
        for line in lines:
            pieces[line.product_id] += line.quantity
        at = min(line.at for line in lines)
        orders.append(PlaceOrder(at=at, order_id=order_id, user_id=lines[0].user_id, lines=tuple(pieces.items())))
    return sorted(orders, key=lambda order: (order.at, order.order_id))


class Purchase(msgspec.Struct):
    """Pieces of one product in one order that can still come back."""

    order_id: str
    left: int


class ReturnMatcher:
    """Finds out which earlier orders a cancellation takes back: the user's last ones of that product first."""

    def __init__(self, orders: list[PlaceOrder]) -> None:
        self.orders = iter(orders)
        self.next_order = next(self.orders, None)
        self.bought: dict[tuple[str, str], list[Purchase]] = defaultdict(list)
        self.kept = 0
        self.left_out: Counter[Reason] = Counter()
        self.pieces_unmatched = 0

    def returns_of(self, lines: Iterable[OrderLine]) -> list[ReturnItems]:
        """One action for each cancellation and order it takes something back from, in order of time."""
        documents = _documents(lines).items()
        in_time = sorted((min(line.at for line in of_it), return_id, of_it) for return_id, of_it in documents)
        return [action for at, return_id, of_it in in_time for action in self._returned(at, return_id, of_it)]

    def _returned(self, at: datetime, return_id: str, lines: list[OrderLine]) -> Iterator[ReturnItems]:
        self._buy_until(at)
        pieces: dict[str, Counter[str]] = defaultdict(Counter)
        for line in lines:
            for order_id, count in self._take_back(line):
                pieces[order_id][line.product_id] += count
        for order_id, by_product in sorted(pieces.items()):
            yield ReturnItems(
                at=at,
                return_id=return_id,
                order_id=order_id,
                user_id=lines[0].user_id,
                lines=tuple(by_product.items()),
            )

    def _buy_until(self, at: datetime) -> None:
        while self.next_order is not None and self.next_order.at <= at:
            order = self.next_order
            for product_id, quantity in order.lines:
                self.bought[order.user_id, product_id].append(Purchase(order.order_id, quantity))
            self.next_order = next(self.orders, None)

    def _take_back(self, line: OrderLine) -> list[tuple[str, int]]:
        purchases = self.bought[line.user_id, line.product_id]
        wanted = -line.quantity
        matched = []
        for purchase in reversed(purchases):
            count = min(wanted, purchase.left)
            if count:
                matched.append((purchase.order_id, count))
                purchase.left -= count
                wanted -= count
        self._count(bool(matched), bool(purchases), wanted)
        return matched

    def _count(self, matched: bool, bought: bool, pieces_unmatched: int) -> None:
        if matched:
            self.kept += 1
            self.pieces_unmatched += pieces_unmatched
        else:
            self.left_out[Reason.ALL_RETURNED if bought else Reason.NEVER_BOUGHT] += 1


def _documents(lines: Iterable[OrderLine]) -> dict[str, list[OrderLine]]:
    documents: dict[str, list[OrderLine]] = defaultdict(list)
    for line in lines:
        documents[line.order_id].append(line)
    return documents
