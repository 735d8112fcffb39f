"""Which lines of an order-line file are facts about a shop, and why the others are left out."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from sandbox.shop.import_lines import OrderLine

PROGRESS_EVERY = 10_000


class Reason(StrEnum):
    """Why a line is left out: the first of these that holds."""

    NO_ORDER = "no order"
    NO_CUSTOMER = "no customer"
    NOT_A_PRODUCT = "not a product"
    DUPLICATE = "exact duplicate of an earlier line"
    QUANTITY_ZERO = "quantity zero"
    PRICE_NEGATIVE = "price negative"
    CANCELS_NOTHING = "cancellation with a positive quantity"
    ADJUSTMENT = "negative quantity outside a cancellation"
    OTHER_CUSTOMER = "order of another customer"
    NO_DESCRIPTION = "product never described"
    NEVER_BOUGHT = "return of what was never bought"
    ALL_RETURNED = "return of what had all come back"


class Sieve:
    """Takes lines one by one and sorts them into sales, returns, and those left out."""

    def __init__(self, product_pattern: str) -> None:
        self.is_product = re.compile(product_pattern).search
        self.sales: list[OrderLine] = []
        self.returns: list[OrderLine] = []
        self.left_out: Counter[Reason] = Counter()
        self.read = 0
        self._seen: set[str] = set()
        self._customers: dict[str, str] = {}

    def take_all(
        self, lines: Iterable[tuple[OrderLine, Sequence[str]]], progress: Callable[[int], None] | None
    ) -> None:
        """Sort all lines, then leave out sales of products that nobody ever described."""
        for line, cells in lines:
            self.read += 1
            self._take(line, cells)
            if progress and self.read % PROGRESS_EVERY == 0:
                progress(self.read)
        self._seen.clear()
        described = {line.product_id for line in self.sales if line.description}
        sales = [line for line in self.sales if line.product_id in described]
        self.left_out[Reason.NO_DESCRIPTION] += len(self.sales) - len(sales)
        self.sales = sales
        if progress:
            progress(self.read)

    def _take(self, line: OrderLine, cells: Sequence[str]) -> None:
        reason = self._reason(line, cells)
        if reason is not None:
            self.left_out[reason] += 1
        elif is_return(line):
            self.returns.append(line)
        else:
            self.sales.append(line)

    def _reason(self, line: OrderLine, cells: Sequence[str]) -> Reason | None:
        if not line.order_id:
            return Reason.NO_ORDER
        if not line.user_id:
            return Reason.NO_CUSTOMER
        if not self.is_product(line.product_id):
            return Reason.NOT_A_PRODUCT
        if self._is_duplicate(cells):
            return Reason.DUPLICATE
        return _nonsense(line) or self._other_customer(line)

    def _is_duplicate(self, cells: Sequence[str]) -> bool:
        before = len(self._seen)
        self._seen.add("\0".join(cells))
        return len(self._seen) == before

    def _other_customer(self, line: OrderLine) -> Reason | None:
        if self._customers.setdefault(line.order_id, line.user_id) != line.user_id:
            return Reason.OTHER_CUSTOMER
        return None


def is_return(line: OrderLine) -> bool:
    """Whether the line belongs to a cancellation, whose number begins with C."""
    return line.order_id.startswith("C")


def _nonsense(line: OrderLine) -> Reason | None:
    if line.quantity == 0:
        return Reason.QUANTITY_ZERO
    if line.price < 0:
        return Reason.PRICE_NEGATIVE
    if is_return(line) != (line.quantity < 0):
        return Reason.CANCELS_NOTHING if is_return(line) else Reason.ADJUSTMENT
    return None
