"""What happens in the shop of a simulation: few products with few words and few users, so that everything collides."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from events import (
    Event,
    ItemsReturned,
    Line,
    OrderCancelled,
    OrderId,
    OrderPlaced,
    ProductAdded,
    ProductChanged,
    ProductId,
    ProductRetired,
    UserId,
    UserRegistered,
    UserResubscribed,
    UserUnsubscribed,
)
from shadow.schedule import scheduled_at
from tests.simulation.chance import Chance

RUNS = ("2026-W47", "2026-W48")
MONDAY = scheduled_at(RUNS[0])
START = datetime(2026, 1, 5, tzinfo=UTC)

PRODUCTS = tuple(ProductId(f"p{number}") for number in range(7))
USERS = tuple(UserId(f"u{number}") for number in range(5))
NAMES_OF_USERS = {user: f"Name {user}" for user in USERS}
NAMES = ("red mug", "blue mug", "mug", "red towel", "blue towel", "green lamp", "lamp", "jug")
"""Names of products."""


ProductKind = type[ProductAdded] | type[ProductChanged] | type[ProductRetired]


def opening() -> list[Event]:
    """What happened before a schedule begins: four users, five products, and who bought what."""
    told: list[Event] = [_product(ProductAdded, number, 1) for number in range(5)]
    told += [UserRegistered(user_id=user, occurred_at=START) for user in USERS[:4]]
    told += [
        _order(number, USERS[number], (number, number + 2), MONDAY - timedelta(days=10 * number + 5))
        for number in range(3)
    ]
    return told


class Facts:
    """Draws what happens next."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._orders = 2
        self._placed: list[OrderPlaced] = []
        self._owed: list[OrderPlaced] = []
        self._revisions = dict.fromkeys(range(len(PRODUCTS)), 1)
        self._told: list[Event] = []
        self._minutes = 0

    def next(self) -> list[Event]:
        """The facts of one transaction, and now and then one that was told before."""
        told = [self._one() for _ in range(1 + self._chance.below(2))]
        if self._told and self._chance.happens(self._chance.repeating):
            told.append(self._chance.one_of(self._told))
        self._told += told
        return told

    def _one(self) -> Event:
        if self._owed and self._chance.below(3) == 0:
            return self._owed.pop()
        kind = self._chance.below(12)
        if kind < 5:
            return self._placing()
        if kind < 7 and self._placed:
            return self._undoing(self._chance.one_of(self._placed) if self._chance.below(5) else self._not_told_yet())
        if kind < 10:
            return self._changing()
        return self._deciding()

    def _placing(self) -> OrderPlaced:
        self._orders += 1
        products = (self._chance.below(7), self._chance.below(7))
        at = MONDAY - timedelta(days=self._chance.one_of((1, 20, 40, 363)))
        placed = _order(self._orders, self._chance.one_of(USERS), products, at)
        self._placed.append(placed)
        return placed

    def _not_told_yet(self) -> OrderPlaced:
        """An order that is told later, if at all, than what became of it."""
        placed = self._placing()
        self._owed.append(placed)
        return placed

    def _undoing(self, placed: OrderPlaced) -> Event:
        at = placed.occurred_at + timedelta(days=1)
        if self._chance.below(3) == 0:
            return OrderCancelled(user_id=placed.user_id, order_id=placed.order_id, occurred_at=at)
        line = self._chance.one_of(placed.lines)
        number = self._chance.below(3)
        return ItemsReturned(
            user_id=placed.user_id,
            order_id=placed.order_id,
            return_id=f"{placed.order_id}-{line.product_id}-{number}",
            occurred_at=at,
            lines=(Line(line.product_id, 1),),
        )

    def _changing(self) -> Event:
        number = self._chance.below(7)
        self._revisions[number] += 1
        kinds: Sequence[ProductKind] = (ProductAdded, ProductChanged, ProductChanged, ProductRetired)
        kind = self._chance.one_of(kinds)
        return _product(kind, number, self._revisions[number])

    def _deciding(self) -> Event:
        user = self._chance.one_of(USERS)
        if self._chance.below(4) == 0:
            return UserRegistered(user_id=user, occurred_at=START)
        self._minutes += 1
        kind = self._chance.one_of((UserUnsubscribed, UserResubscribed))
        return kind(user_id=user, occurred_at=MONDAY + timedelta(minutes=self._minutes))


def _product(kind: ProductKind, number: int, revision: int) -> ProductAdded | ProductChanged | ProductRetired:
    name = NAMES[(number * 5 + revision * 3) % len(NAMES)]
    return kind(
        product_id=PRODUCTS[number], revision=revision, name=name, price=100 * revision + number, occurred_at=START
    )


def _order(number: int, user: UserId, products: tuple[int, int], at: datetime) -> OrderPlaced:
    lines = tuple(
        Line(PRODUCTS[product], 1 + (number + place) % 2) for place, product in enumerate(dict.fromkeys(products))
    )
    return OrderPlaced(user_id=user, order_id=OrderId(f"o{number}"), occurred_at=at, lines=lines)
